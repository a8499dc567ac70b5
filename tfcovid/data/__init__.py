"""From a cohort on disk to batches: manifest, patient-safe splits, the prepared store, tf.data."""

from tfcovid.data.check_manifest import CohortFinding, check_manifest
from tfcovid.data.estimate import Estimate, estimate
from tfcovid.data.index import index_class_folders, index_table
from tfcovid.data.label_volume import label_volume
from tfcovid.data.manifest import Entry, read_manifest, slice_targets, write_manifest
from tfcovid.data.network_slices import NetworkSlices, network_slices
from tfcovid.data.prepare import Prepared, prepare, read_slices
from tfcovid.data.prepare_volumes import PreparedVolume, prepare_volumes
from tfcovid.data.splits import assign_splits, check_splits

__all__ = [
    "CohortFinding",
    "Entry",
    "Estimate",
    "NetworkSlices",
    "Prepared",
    "PreparedVolume",
    "assign_splits",
    "check_manifest",
    "check_splits",
    "estimate",
    "index_class_folders",
    "index_table",
    "label_volume",
    "network_slices",
    "prepare",
    "prepare_volumes",
    "read_manifest",
    "read_slices",
    "slice_targets",
    "write_manifest",
]
