"""Bundle and scan in, `Diagnosis` out."""

from tfcovid.inference.bundles import find_bundle, shipped_bundles
from tfcovid.inference.clicks import Clicks
from tfcovid.inference.diagnosis import Diagnosis
from tfcovid.inference.ensemble import Ensemble, write_ensemble
from tfcovid.inference.explain_scan import Explanation, explain_scan
from tfcovid.inference.load import load, load_segmenter, lung_finder
from tfcovid.inference.predict_folder import Outcome, predict_folder, scans_to_predict, segment_folder
from tfcovid.inference.read_clicks import read_clicks
from tfcovid.inference.segmentation import Segmentation
from tfcovid.inference.segmentation_system import SegmentationSystem
from tfcovid.inference.system import System

__all__ = [
    "Clicks",
    "Diagnosis",
    "Ensemble",
    "Explanation",
    "Outcome",
    "Segmentation",
    "SegmentationSystem",
    "System",
    "explain_scan",
    "find_bundle",
    "load",
    "load_segmenter",
    "lung_finder",
    "predict_folder",
    "read_clicks",
    "scans_to_predict",
    "segment_folder",
    "shipped_bundles",
    "write_ensemble",
]
