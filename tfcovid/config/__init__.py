"""What a system is: the schema of a config, and how one is read."""

from tfcovid.config.load import load_config, shipped_configs, write_config
from tfcovid.config.schema import Config
from tfcovid.config.segmenter import Segmenter

__all__ = ["Config", "Segmenter", "load_config", "shipped_configs", "write_config"]
