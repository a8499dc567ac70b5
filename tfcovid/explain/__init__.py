"""Where in a scan a network sees what it calls: maps, gradients and feature maps."""

from tfcovid.explain.feature_maps import feature_map, feature_maps
from tfcovid.explain.feature_sheet import feature_sheet
from tfcovid.explain.grad_cam import grad_cam
from tfcovid.explain.heat_sheet import heat_sheet
from tfcovid.explain.with_map import with_map

__all__ = [
    "feature_map",
    "feature_maps",
    "feature_sheet",
    "grad_cam",
    "heat_sheet",
    "with_map",
]
