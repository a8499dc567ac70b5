"""Keras layers in `keras.ops`, one a file: they run on every Keras backend."""

from tfcovid.layers.coordinate_maps import CoordinateMaps
from tfcovid.layers.evenly_cut import EvenlyCut
from tfcovid.layers.masked_pooling import MaskedMaxPooling
from tfcovid.layers.prototype_lesion_map import PrototypeLesionMap
from tfcovid.layers.random_window_level import RandomWindowLevel
from tfcovid.layers.slice_aggregation import SliceAggregation
from tfcovid.layers.slice_refinement import SliceRefinement

__all__ = [
    "CoordinateMaps",
    "EvenlyCut",
    "MaskedMaxPooling",
    "PrototypeLesionMap",
    "RandomWindowLevel",
    "SliceAggregation",
    "SliceRefinement",
]
