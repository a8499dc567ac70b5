import cv2
import numpy as np
import pytest
from PIL import Image

from tests.data_folder import DATA, needs_data
from tests.scans.chest import chest
from tfcovid.errors import InputError
from tfcovid.scans import read_scan

GUESSED = {"no-spacing", "no-orientation", "too-few-slices"}


def grey(slices=12):
    return ((chest(slices).clip(-1000, 200) + 1000) / 1200 * 255).astype(np.uint8)


def names(scan):
    return {finding.name for finding in scan.findings}


def test_a_folder_of_images_is_stacked_in_natural_order(tmp_path):
    values = grey()
    for index, page in enumerate(values):
        Image.fromarray(page).save(tmp_path / f"slice %{index}.png")
    (tmp_path / "list.txt").write_text("x")
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(scan.voxels, values)
    assert scan.units == "8-bit" and scan.voxels.dtype == np.uint8 and scan.spacing == (1, 1, 1)
    assert names(scan) == {"no-spacing", "no-orientation", "other-files"}
    np.testing.assert_array_equal(scan.affine, np.eye(4))
    np.testing.assert_array_equal(scan.restore(scan.voxels), values)
    with pytest.raises(InputError, match="not Hounsfield units"):
        _ = scan.hu


def test_every_kind_of_pixel_becomes_grey(tmp_path):
    page = grey()[5]
    rgb = np.repeat(page[..., None], 3, -1)
    alpha = np.full_like(page, 7)
    kinds = {
        "l.png": Image.fromarray(page),
        "rgb.png": Image.fromarray(rgb),
        "rgba.png": Image.fromarray(np.dstack([rgb, alpha])),
        "la.png": Image.merge("LA", [Image.fromarray(page), Image.fromarray(alpha)]),
        "palette.png": Image.fromarray(page).convert("P"),
        "l.tif": Image.fromarray(page),
        "rgb.tif": Image.fromarray(rgb),
        "palette.tif": Image.fromarray(page).convert("P"),
        "grey.webp.bmp.jpg": Image.fromarray(page),
    }
    for name, image in kinds.items():
        if name.endswith("jpg"):
            image.save(tmp_path / name, format="PNG")
        else:
            image.save(tmp_path / name)
        scan = read_scan(tmp_path / name)
        np.testing.assert_array_equal(scan.voxels, page[None], err_msg=name)
        assert names(scan) == GUESSED, name


def test_true_colour_becomes_brightness_and_is_reported(tmp_path):
    page = np.repeat(grey()[5][..., None], 3, -1)
    page[2:10, 2:10] = [255, 0, 0]
    Image.fromarray(page).save(tmp_path / "marked.png")
    scan = read_scan(tmp_path / "marked.png")
    assert names(scan) == GUESSED | {"colour-pixels"}
    assert scan.voxels[0, 5, 5] == 76  # 0.299 x 255


def test_every_page_of_a_tiff_counts(tmp_path):
    values = grey(4)
    first, *others = [Image.fromarray(page) for page in values]
    first.save(tmp_path / "stack.tif", save_all=True, append_images=others)
    np.testing.assert_array_equal(read_scan(tmp_path / "stack.tif").voxels, values)


def test_sixteen_bits_are_hu_where_air_says_so_and_spread_otherwise(tmp_path):
    hu = chest()
    cv2.imwritemulti(str(tmp_path / "stored.tif"), list((hu + 1024).clip(0).astype(np.uint16)))
    scan = read_scan(tmp_path / "stored.tif")
    assert scan.units == "HU" and "sixteen-bit" in names(scan) and "1024 added" in str(scan.findings)
    np.testing.assert_array_equal(scan.hu, hu.clip(-1024))

    wide = (grey().astype(np.uint16) + 7) * 200
    cv2.imwritemulti(str(tmp_path / "wide.tif"), list(wide))
    scan = read_scan(tmp_path / "wide.tif")
    assert scan.units == "8-bit" and "sixteen-bit" in names(scan)
    assert scan.voxels.min() == 0 and scan.voxels.max() == 255
    np.testing.assert_allclose(scan.voxels, (wide - wide.min()) / np.ptp(wide) * 255, atol=0.51)


def test_mixed_sizes_name_the_odd_files(tmp_path):
    values = grey()
    for index, page in enumerate(values):
        Image.fromarray(page if index != 3 else page[:20]).save(tmp_path / f"{index}.png")
    with pytest.raises(InputError, match=r"mixed-sizes: The images are 40 x 48 uint8, 20 x 48 uint8; 1 .*3\.png"):
        read_scan(tmp_path)
    np.testing.assert_array_equal(read_scan(tmp_path, allow=["mixed-sizes"]).voxels, np.delete(values, 3, axis=0))


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_an_image_cut_short_is_named_and_left_out_only_if_allowed(tmp_path, suffix):
    for index, page in enumerate(grey()):
        Image.fromarray(page).save(tmp_path / f"{index}.{suffix}")
    cut = tmp_path / f"7.{suffix}"
    cut.write_bytes(cut.read_bytes()[: len(cut.read_bytes()) // 2])
    with pytest.raises(InputError, match=rf"(truncated|unreadable)-file: 1 images.*7\.{suffix}"):
        read_scan(tmp_path)
    assert len(read_scan(tmp_path, allow=["truncated-file", "unreadable-file"]).voxels) == 11
    with pytest.raises(InputError, match="none of its images can be read"):
        read_scan(cut)


def test_images_of_several_folders_are_not_stacked(tmp_path):
    for name in ("COVID", "normal"):
        (tmp_path / name).mkdir()
        Image.fromarray(grey()[0]).save(tmp_path / name / "1.png")
    with pytest.raises(InputError, match=r"images lie in 2 folders.*Got: COVID, normal$"):
        read_scan(tmp_path)


@needs_data
def test_real_slices_are_read_whatever_their_extension_says():
    for file in (DATA / "slices3" / "quirk_wrong_extension").iterdir():
        expected = np.asarray(Image.open(file).convert("RGB"), int)
        grey = read_scan(file).voxels[0]
        assert (expected.min(-1) - 1 <= grey).all() and (grey <= expected.max(-1) + 1).all(), file.name
    for file in sorted((DATA / "covid_ct" / "CT_COVID").iterdir())[::10]:
        assert read_scan(file).shape == (1, *np.asarray(Image.open(file)).shape[:2])
    assert read_scan(DATA / "slices3" / "sy575_demo" / "person001_COVID19").shape == (15, 512, 512)
