"""What a system is: the schema of a config, and how one is read."""

from tfcovid.config.load import load_config, shipped_configs, write_config
from tfcovid.config.schema import Config

__all__ = ["Config", "load_config", "shipped_configs", "write_config"]
