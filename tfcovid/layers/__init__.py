"""Keras layers in `keras.ops`, one a file: they run on every Keras backend."""

from tfcovid.layers.attention_gate import AttentionGate
from tfcovid.layers.clear_padding import ClearPadding
from tfcovid.layers.click_guidance import ClickGuidance
from tfcovid.layers.coarse_dropout import CoarseDropout
from tfcovid.layers.coordinate_maps import CoordinateMaps
from tfcovid.layers.drop_path import DropPath
from tfcovid.layers.each_slice import EachSlice
from tfcovid.layers.efficient_channel_attention import EfficientChannelAttention
from tfcovid.layers.evenly_cut import EvenlyCut
from tfcovid.layers.evidence_map import EvidenceMap
from tfcovid.layers.gem import GeM
from tfcovid.layers.grouped_conv import GroupedConv2D
from tfcovid.layers.imagenet_scale import ImageNetScale
from tfcovid.layers.masked_mean_pooling import MaskedMeanPooling
from tfcovid.layers.masked_pooling import MaskedMaxPooling
from tfcovid.layers.max_pooling_3d import MaxPooling3D
from tfcovid.layers.neighbouring_slices import NeighbouringSlices
from tfcovid.layers.nonparametric_assessment import NonparametricAssessment
from tfcovid.layers.outlined_area import OutlinedArea
from tfcovid.layers.prototype_lesion_map import PrototypeLesionMap
from tfcovid.layers.random_affine import RandomAffine
from tfcovid.layers.random_intensity import RandomIntensity
from tfcovid.layers.random_window_level import RandomWindowLevel
from tfcovid.layers.sampled_slices import SampledSlices
from tfcovid.layers.scaled_standardized_conv import ScaledStandardizedConv2D
from tfcovid.layers.slice_aggregation import SliceAggregation
from tfcovid.layers.slice_positions import SlicePositions
from tfcovid.layers.slice_refinement import SliceRefinement

__all__ = [
    "AttentionGate",
    "ClearPadding",
    "ClickGuidance",
    "CoarseDropout",
    "CoordinateMaps",
    "DropPath",
    "EachSlice",
    "EfficientChannelAttention",
    "EvenlyCut",
    "EvidenceMap",
    "GeM",
    "GroupedConv2D",
    "ImageNetScale",
    "MaskedMaxPooling",
    "MaskedMeanPooling",
    "MaxPooling3D",
    "NeighbouringSlices",
    "NonparametricAssessment",
    "OutlinedArea",
    "PrototypeLesionMap",
    "RandomAffine",
    "RandomIntensity",
    "RandomWindowLevel",
    "SampledSlices",
    "ScaledStandardizedConv2D",
    "SliceAggregation",
    "SlicePositions",
    "SliceRefinement",
]
