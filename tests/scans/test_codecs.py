import imagecodecs
import numpy as np
import pytest
from pydicom import uid

from tests.scans.chest import canonical_affine, chest, compress, write_series
from tfcovid.errors import InputError
from tfcovid.scans import read_scan

UNSIGNED12 = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0, "RescaleIntercept": -1024}
SIGNED12 = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 1}
EIGHT_BITS = {
    "BitsAllocated": 8,
    "BitsStored": 8,
    "HighBit": 7,
    "PixelRepresentation": 0,
    "RescaleIntercept": -1024,
    "RescaleSlope": 8,
}


def test_every_uncompressed_syntax_gives_the_values_back(tmp_path):
    hu = chest()
    for syntax in (
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
        uid.DeflatedExplicitVRLittleEndian,
    ):
        for kind in ({}, UNSIGNED12, SIGNED12):
            folder = tmp_path / f"{syntax}{len(kind)}"
            write_series(folder, hu, syntax=syntax, **kind)
            scan = read_scan(folder)
            np.testing.assert_array_equal(scan.hu, hu, err_msg=syntax.name)
            np.testing.assert_allclose(scan.affine, canonical_affine())


@pytest.mark.parametrize("kind", [UNSIGNED12, SIGNED12, {}], ids=["unsigned-12", "signed-12", "signed-16"])
@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (uid.RLELossless, None),
        (uid.JPEGLossless, lambda a: imagecodecs.jpeg8_encode(a, lossless=True, predictor=4)),
        (uid.JPEGLosslessSV1, lambda a: imagecodecs.jpeg8_encode(a, lossless=True, predictor=1)),
        (uid.JPEGLSLossless, imagecodecs.jpegls_encode),
        (uid.JPEG2000Lossless, lambda a: imagecodecs.jpeg2k_encode(a, reversible=True, level=0)),
        (uid.HTJ2KLossless, lambda a: imagecodecs.htj2k_encode(a, reversible=True)),
        (uid.HTJ2KLosslessRPCL, lambda a: imagecodecs.htj2k_encode(a, reversible=True)),
        (uid.HTJ2K, lambda a: imagecodecs.htj2k_encode(a, reversible=True)),
    ],
    ids=lambda value: getattr(value, "keyword", ""),
)
def test_every_lossless_syntax_gives_the_values_back(tmp_path, syntax, encode, kind):
    hu = chest()
    write_series(tmp_path, hu, lambda dataset, _: compress(dataset, encode, syntax), **kind)
    np.testing.assert_array_equal(read_scan(tmp_path).hu, hu)


def test_a_signed_jpeg_2000_codestream_gives_the_values_back(tmp_path):
    hu = chest()
    write_series(
        tmp_path,
        hu,
        lambda dataset, _: compress(
            dataset, lambda a: imagecodecs.jpeg2k_encode(a.view(np.int16), level=0), uid.JPEG2000Lossless
        ),
    )
    np.testing.assert_array_equal(read_scan(tmp_path).hu, hu)


@pytest.mark.parametrize(
    ("syntax", "encode", "kind", "most"),
    [
        (uid.JPEGBaseline8Bit, lambda a: imagecodecs.jpeg8_encode(a, level=98), EIGHT_BITS, 8 * 6),
        (
            uid.JPEGExtended12Bit,
            lambda a: imagecodecs.jpeg8_encode(a, level=98, bitspersample=12),
            UNSIGNED12,
            12,
        ),
        (uid.JPEGLSNearLossless, lambda a: imagecodecs.jpegls_encode(a, level=3), UNSIGNED12, 3),
        (uid.JPEG2000, lambda a: imagecodecs.jpeg2k_encode(a, reversible=False, level=90), UNSIGNED12, 12),
    ],
    ids=lambda value: getattr(value, "keyword", ""),
)
def test_every_lossy_syntax_stays_within_its_own_loss(tmp_path, syntax, encode, kind, most):
    hu = chest()
    write_series(tmp_path, hu, lambda dataset, _: compress(dataset, encode, syntax), **kind)
    assert 0 < np.abs(read_scan(tmp_path).hu.astype(int) - hu).max() <= most


def test_bits_above_the_stored_ones_are_left_out(tmp_path):
    hu = chest()

    def add_overlay(dataset, _):
        dataset.PixelData = (np.frombuffer(dataset.PixelData, np.uint16) | 0x8000).tobytes()

    write_series(tmp_path, hu, add_overlay, **UNSIGNED12)
    np.testing.assert_array_equal(read_scan(tmp_path).hu, hu)


def test_an_unknown_syntax_and_a_frame_that_does_not_decode_name_the_file(tmp_path):
    def video(dataset, _):
        compress(dataset, lambda a: a.tobytes(), "1.2.840.10008.1.2.4.100")

    write_series(tmp_path / "video", chest(), video)
    with pytest.raises(InputError, match=r"\.dcm: its transfer syntax.*1\.2\.4\.100$"):
        read_scan(tmp_path / "video")

    write_series(
        tmp_path / "broken", chest(), lambda d, _: compress(d, lambda a: b"\xff\xd8" + b"no" * 9, uid.JPEGLosslessSV1)
    )
    with pytest.raises(InputError, match=r"000\.dcm: its pixels cannot be decoded"):
        read_scan(tmp_path / "broken")
