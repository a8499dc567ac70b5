"""Systems with segmenters: one trained along or named, for the crop and for what follows the diagnosis."""

import importlib
import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest

from tfcovid.config import load_config
from tfcovid.errors import InputError
from tfcovid.inference import load, load_segmenter, write_ensemble
from tfcovid.preprocess import lung_region, mask_boxes
from tfcovid.scans import Scan, read_scan
from tfcovid.training import train, train_members

TRAIN = importlib.import_module("tfcovid.training.train")
SEGMENTER = importlib.import_module("tfcovid.training.train_segmenter")


class Stopped(Exception):
    pass


def stop(*_, **__):
    raise Stopped


@pytest.fixture(scope="module")
def settings(tiny_lungs, infection_bundle):
    """Of a system that trains the segmenter of its crop and names the one that follows."""
    lungs = tiny_lungs.model_dump(mode="json", exclude_defaults=True)
    return [
        "labels=[healthy,covid-19,h1n1,cap]",
        "head=softmax",
        "crop.size=[32,32]",
        "slice_net={kind: classifier, variant: resnet10_compact}",
        "slice_training={epochs: 1, batch: 8, learning_rate: 0.001, slices: 3}",
        f"lungs={json.dumps(lungs)}",
        f"then={{when: [covid-19], bundle: {infection_bundle}}}",
    ]


@pytest.fixture(scope="module")
def bundle(settings, cohort, outlined, tmp_path_factory):
    """Stopped once, when the segmenter was trained and the slices were not."""
    folder, config = tmp_path_factory.mktemp("chain") / "bundle", load_config("attn_crop", settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TRAIN, "train_slices", stop)
        with pytest.raises(Stopped):
            train(config, cohort.entries, folder, masks=outlined)
    assert (folder.with_name("bundle.lungs") / "segment.keras").is_file() and not folder.exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SEGMENTER, "fit_segmenter", stop)  # it is there already
        for other, masks in ((["lungs.seed=5"], outlined), ([], outlined[1:])):
            with pytest.raises(InputError, match=r"bundle\.lungs was trained with another config or on other data"):
                train(load_config("attn_crop", [*settings, *other]), cohort.entries, folder, masks=masks)
        train(config, cohort.entries, folder, masks=outlined)
    return folder


@pytest.fixture(scope="module")
def system(bundle):
    return load(bundle)


@pytest.fixture(scope="module")
def diagnosis(system, held_out):
    return system.diagnose(read_scan(held_out))


def followed(system, *labels):
    """The system, which goes on to segment scans that were called one of `labels`."""
    then = system.config.then.model_copy(update={"when": labels})
    return replace(system, config=system.config.model_copy(update={"then": then}))


def test_a_bundle_holds_its_segmenters_and_nothing_is_left_beside_it(bundle, infection_bundle):
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["bundle", "bundle.store"]
    assert load_segmenter(bundle / "lungs").config.name == "tiny_lungs"
    # `tfcovid segment` takes the bundle of the system.
    assert load_segmenter(bundle).hash == load_segmenter(infection_bundle).hash
    assert str(infection_bundle) not in (bundle / "config.yaml").read_text()
    assert str(infection_bundle) not in (bundle / "run.json").read_text()


def test_the_named_segmenter_gives_the_crop_of_the_one_that_was_trained_along(bundle, settings, cohort, tmp_path):
    """Equal lungs make equal slices, and these equal weights."""
    named = ["lungs=null", f"crop.segmenter={bundle / 'lungs'}", "then=null"]
    again, failed = train(load_config("attn_crop", [*settings, *named]), cohort.entries, tmp_path / "b")
    assert not failed and sorted(path.name for path in again.iterdir() if path.is_dir()) == ["lungs", "tensorboard"]

    def weights(folder):
        return json.loads((folder / "bundle.json").read_text())["weights_sha256"]

    assert weights(again) == weights(bundle)
    assert load(again).finder.hash == load_segmenter(bundle / "lungs").hash


def test_the_lungs_that_are_written_are_those_of_the_crop(system, diagnosis, bundle, tmp_path):
    found, scan = system.follow_up(diagnosis), diagnosis.scan
    lungs = load_segmenter(bundle / "lungs").lungs(scan.hu, scan.spacing)
    np.testing.assert_array_equal(found.lungs, lungs)
    boxes, without = mask_boxes(lungs, -5)
    np.testing.assert_array_equal(found.slices.boxes, boxes)
    assert lungs.any() and not without.all()
    found.save(tmp_path / "out")
    written = nibabel.load(tmp_path / "out" / "lungs.nii.gz")
    upright = np.asarray(nibabel.as_closest_canonical(written).dataobj)[::-1, ::-1].transpose(2, 1, 0)
    np.testing.assert_array_equal(upright, lungs)


def test_only_scans_that_are_called_so_are_outlined(system, diagnosis, tmp_path):
    others = [label for label in system.config.labels if label != diagnosis.label]
    without = followed(system, *others).follow_up(diagnosis)
    assert without.segmentation is None
    without.save(tmp_path / "without")
    assert not (tmp_path / "without" / "segmentation").exists()
    assert "severity" not in json.loads((tmp_path / "without" / "report.json").read_text())

    found = followed(system, diagnosis.label).predict(diagnosis.scan)
    masks = system.then.masks(diagnosis.scan.hu, diagnosis.scan.spacing)
    near = lung_region(found.segmentation.sides > 0, diagnosis.scan.spacing[1:]) > 0
    np.testing.assert_array_equal(found.segmentation.infection, (masks == 1) & near)
    assert found.segmentation.left_out == np.count_nonzero((masks == 1) & ~near)
    assert found.probabilities == pytest.approx(diagnosis.probabilities)
    found.save(tmp_path / "with")
    both = json.loads((tmp_path / "with" / "report.json").read_text())
    alone = json.loads((tmp_path / "with" / "segmentation" / "segmentation.json").read_text())
    assert both["diagnosis"] == diagnosis.label and both["severity"]["regions"] == alone["regions"]
    assert both["severity"]["infection_ml"] == alone["infection_ml"]


def test_a_diagnosis_stands_where_its_segmentation_fails(system, diagnosis):
    grey = Scan.from_array(np.full(diagnosis.scan.shape, 90, np.uint8), units="8-bit")
    found = followed(system, diagnosis.label).follow_up(replace(diagnosis, scan=grey))
    assert found.segmentation is None and found.probabilities == diagnosis.probabilities
    assert "8-bit grey levels" in found.summary["not_segmented"]


def test_an_ensemble_crops_and_outlines_a_scan_once(bundle, diagnosis, tmp_path, monkeypatch):
    write_ensemble({"a": bundle, "b": bundle}, tmp_path / "both")
    both = load(tmp_path / "both")
    # Whatever is called, it follows: members have one config, and the ensemble that of the first.
    both.members = {name: followed(member, *member.config.labels) for name, member in both.members.items()}
    kind, counts = type(both.members["a"].then), {"lungs": 0, "segment": 0}
    for name in counts:
        plain = getattr(kind, name)

        def counted(*words, plain=plain, name=name, **more):
            counts[name] += 1
            return plain(*words, **more)

        monkeypatch.setattr(kind, name, counted)
    found = both.predict(diagnosis.scan)
    assert counts == {"lungs": 1, "segment": 1} and found.segmentation.infection is not None
    assert found.probabilities == pytest.approx(diagnosis.probabilities)


def test_what_masks_are_missing_or_of_no_use_is_told_before_anything_is_read(
    settings, cohort, outlined, infection_bundle, bundle, tmp_path
):
    def told(*changes, **options):
        with pytest.raises(InputError) as raised:
            train(load_config("attn_crop", [*settings, *changes]), cohort.entries, tmp_path / "b", **options)
        return str(raised.value)

    assert "no scan to train in the manifest has the column(s) lungs. Give a manifest that has them (--masks)" in told()
    only_test = [replace(entry, split="test") for entry in outlined]
    assert "no scan to train in the manifest of the masks has the column(s) lungs" in told(masks=only_test)
    named = ["lungs=null", f"crop.segmenter={infection_bundle}"]
    assert "config attn_crop trains no segmenter" in told(*named, masks=outlined)
    assert "outlines infection, not lungs" in told(*named)
    assert "then.bundle: not the bundle of a segmenter" in told(f"then.bundle={bundle}", masks=outlined)
    assert "not a bundle" in told(f"then.bundle={tmp_path}", masks=outlined)
    with pytest.raises(InputError, match=r"attn_crop trains segmenters of its own, which --folds and --seeds would do"):
        train_members(load_config("attn_crop", settings), cohort.entries, tmp_path / "b", seeds=2, masks=outlined)
    with pytest.raises(InputError, match="trains no segmenter"):
        train_members(
            load_config("attn_crop", [*settings, *named]), cohort.entries, tmp_path / "b", seeds=2, masks=outlined
        )
    assert not list(tmp_path.iterdir())
