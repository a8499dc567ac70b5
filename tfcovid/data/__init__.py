"""From a cohort on disk to batches: manifest, patient-safe splits, the prepared store, tf.data."""

from tfcovid.data.index import index_class_folders, index_table
from tfcovid.data.manifest import Entry, read_manifest, slice_targets, write_manifest
from tfcovid.data.network_slices import NetworkSlices, network_slices
from tfcovid.data.prepare import Prepared, prepare
from tfcovid.data.splits import assign_splits, check_splits

__all__ = [
    "Entry",
    "NetworkSlices",
    "Prepared",
    "assign_splits",
    "check_splits",
    "index_class_folders",
    "index_table",
    "network_slices",
    "prepare",
    "read_manifest",
    "slice_targets",
    "write_manifest",
]
