"""Encodings of a data set that the walk has to step over, each against pydicom's writer."""

import imagecodecs
import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from tests.scans.chest import chest, write_series
from tfcovid.scans import read_scan


def nest(dataset, undefined):
    """A sequence in a sequence, a private element and an encapsulated preview, all ahead of the fields needed."""
    preview, inner, outer = Dataset(), Dataset(), Dataset()
    preview.PixelData = encapsulate([b"\xff\xd8 not the scan"])
    preview["PixelData"].VR = "OB"
    preview["PixelData"].is_undefined_length = True
    preview.Rows = 3
    inner.IconImageSequence = [preview]
    outer.ReferencedImageSequence = Sequence([inner])
    outer["ReferencedImageSequence"].is_undefined_length = undefined
    dataset.ReferencedStudySequence = Sequence([outer, Dataset()])
    dataset["ReferencedStudySequence"].is_undefined_length = undefined
    dataset.private_block(0x0009, "SOMEONE", create=True).add_new(1, "UN", b"\xfe\xff\xdd\xe0\0\0\0\0")


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize(
    "syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian]
)
def test_nested_sequences_private_elements_and_previews_are_stepped_over(tmp_path, syntax, undefined):
    write_series(tmp_path, chest(), lambda dataset, _: nest(dataset, undefined), syntax=syntax)
    np.testing.assert_array_equal(read_scan(tmp_path).hu, chest())


@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian])
def test_a_file_without_preamble_or_meta_header_is_read(tmp_path, syntax):
    files = write_series(tmp_path, chest(), syntax=syntax)
    for file in files:
        data = file.read_bytes()
        start = data.index(b"\x08\x00\x08\x00")  # Image Type, the first element of the data set
        file.write_bytes(data[start:])
    np.testing.assert_array_equal(read_scan(tmp_path).hu, chest())


def test_an_implicit_data_set_that_claims_to_be_explicit_is_read(tmp_path):
    files = write_series(tmp_path, chest(), syntax=uid.ImplicitVRLittleEndian)
    for file in files:
        stated, claimed = b"UI\x12\x001.2.840.10008.1.2\0", b"UI\x14\x001.2.840.10008.1.2.1\0"
        assert stated in file.read_bytes()
        file.write_bytes(file.read_bytes().replace(stated, claimed))
    np.testing.assert_array_equal(read_scan(tmp_path).hu, chest())


def test_frames_in_several_fragments_are_put_together(tmp_path):
    def split(dataset, index):
        code = imagecodecs.jpegls_encode(chest()[index].view(np.uint16))
        dataset.PixelData = encapsulate([code], fragments_per_frame=3)
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = uid.JPEGLSLossless

    write_series(tmp_path, chest(), split)
    np.testing.assert_array_equal(read_scan(tmp_path).hu, chest())
