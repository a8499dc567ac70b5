"""A trained system: from a scan to a diagnosis."""

from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from tfcovid.config import Config
from tfcovid.data.network_slices import NetworkSlices, network_slices
from tfcovid.errors import InputError
from tfcovid.inference.diagnosis import Diagnosis
from tfcovid.inference.nonparametric import assess_patient, assess_slices
from tfcovid.inference.runtime.compiled import Compiled
from tfcovid.inference.runtime.network import Network
from tfcovid.inference.runtime.sampled_slices import sampled_slices
from tfcovid.inference.segmentation_system import SegmentationSystem
from tfcovid.inference.training_range import looked_at, scan_statistics, unlike_training
from tfcovid.progress import with_progress
from tfcovid.scans import Scan

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Reading:
    """What the networks say of the slices of one scan.

    Attributes:
        label: number of the answer among the labels.
        answers: `(draws of slices, windows, classes)` probabilities of the scan; for "nonparametric" the shares of
            slices called so.
        slice_probabilities: `(slices, classes)`.
        lesion_probabilities: `(slices,)` that a slice shows a lesion.
        small_map: `(slices, height, width)` in [0, 1] at the network's resolution, or None where it makes none.
    """

    label: int
    answers: np.ndarray
    slice_probabilities: np.ndarray
    lesion_probabilities: np.ndarray
    small_map: np.ndarray | None

    @property
    def by_window(self) -> np.ndarray:
        """`(windows, classes)`, the mean over the draws."""
        return self.answers.mean(axis=0)


@dataclass
class System:
    """What a bundle holds, ready to diagnose.

    Attributes:
        slice_network: None where `compiled` takes its place.
        patient_network: None also where the config joins slices without weights.
        compiled: the networks for another runtime than Keras's.
    """

    config: Config
    slice_network: "keras.Model | None"
    patient_network: "keras.Model | None"
    facts: dict[str, Any]
    finder: SegmentationSystem | None = None  # of lungs, for crop method "attention_unet"
    then: SegmentationSystem | None = None  # outlines the infection of scans called what the config's `then` names
    card: str = ""  # of the bundle, Markdown
    compiled: Compiled | None = None
    runtime: dict[str, str] = field(init=False)  # what runs the networks, for results; see `Compiled`
    _windowed: "keras.Model | None" = field(init=False, repr=False, default=None)
    _slices: Network = field(init=False, repr=False)
    _patient_net: Network | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.compiled is not None:
            networks, self.runtime = self.compiled.networks, dict(self.compiled.runtime)
            self._slices, self._patient_net = networks["slice"], networks.get("patient")
            return
        from tfcovid.explain.with_map import with_map
        from tfcovid.inference.runtime.keras_network import KerasNetwork, keras_runtime
        from tfcovid.networks import windowed

        window, patient = self.config.window, self.patient_network
        self._windowed = windowed(with_map(self.slice_network), window.predict, window.width, self.config.mirror)
        self._slices, self._patient_net = KerasNetwork(self._windowed), patient and KerasNetwork(patient)
        self.runtime = keras_runtime(self.slice_network)

    def predict(self, scan: Scan, progress: bool = False) -> Diagnosis:
        """Diagnoses a scan of any number of slices and, where it is called what `then` names, outlines its infection.

        Raises:
            InputError: a scan whose pixels the system cannot read, see `Config.eight_bit`.
        """
        return self.follow_up(self.diagnose(scan, progress), progress)

    def diagnose(self, scan: Scan, progress: bool = False, slices: NetworkSlices | None = None) -> Diagnosis:
        """The diagnosis alone.

        Args:
            slices: of this scan as the config crops them, where they are at hand.
        """
        started = perf_counter()
        slices = slices or network_slices(scan, self.config, finder=self.finder)
        cropped = perf_counter()
        found = self.read(slices.hu, progress)
        finished = perf_counter()
        statistics = scan_statistics(slices.hu[looked_at(len(slices.hu))])
        return Diagnosis(
            scan=scan,
            labels=self.config.labels,
            label=self.config.labels[found.label],
            by_window=dict(zip(self.config.window.predict, found.by_window, strict=True)),
            slices=slices,
            slice_probabilities=found.slice_probabilities,
            lesion_probabilities=found.lesion_probabilities,
            small_map=found.small_map,
            settings=self.config.model_dump(mode="json"),
            bundle=self.facts,
            answers=found.answers.reshape(-1, len(self.config.labels)),
            sources={"windows": found.answers.shape[1], "draws": found.answers.shape[0]},
            unlike_training=unlike_training(statistics, scan.findings, self.facts, self.config.window),
            card=self.card,
            finds_lesions="lesion" in self._slices.outputs,
            runtime=self.runtime,
            timings={"crop": cropped - started, "networks": finished - cropped},
        )

    def follow_up(self, diagnosis: Diagnosis, progress: bool = False) -> Diagnosis:
        """The diagnosis with a segmentation, where the config's `then` asks for one, or the reason why it has none."""
        if self.then is None or diagnosis.label not in self.config.then.when:
            return diagnosis
        # What the crop found need not be found again, if it looked at every slice.
        whole = len(diagnosis.slices.index) == len(diagnosis.scan.voxels)
        lungs = diagnosis.lungs if whole and self.then.finder is self.finder else None
        try:
            segmentation = self.then.segment(diagnosis.scan, progress=progress, lungs=lungs)
        except Exception as error:  # 8-bit slices, say, which the segmenter may not read: the diagnosis stands
            reason = str(error) if isinstance(error, InputError) else f"unexpected {error!r}"
            return replace(diagnosis, not_segmented=reason)
        timings = {**diagnosis.timings, "segmentation": sum(segmentation.timings.values())}
        return replace(diagnosis, segmentation=segmentation, timings=timings)

    def read(self, hu: np.ndarray, progress: bool = False) -> Reading:
        """Reads the slices of one scan as `network_slices` or the store gives them.

        Args:
            hu: `(slices, height, width)` int16, HU.
        """
        outputs = self._run(hu, progress)
        disease, lesion = outputs["disease"], outputs.get("lesion")
        by_slice = assess_slices(disease, lesion)
        joined = by_slice.mean(axis=1)
        label, answers = self._patient(disease, by_slice, outputs["features"])
        return Reading(
            label=label,
            answers=answers,
            slice_probabilities=joined,
            lesion_probabilities=1 - joined[:, 0] if lesion is None else lesion.mean(axis=1)[:, 1],
            small_map=outputs["lesion_map"][..., 0] if "lesion_map" in outputs else None,
        )

    def _run(self, hu: np.ndarray, progress: bool) -> dict[str, np.ndarray]:
        outputs = list(with_progress(self._slices.each(hu), len(hu), "Reading slices", progress))
        return {name: np.stack([one[name] for one in outputs]) for name in outputs[0]}

    def _patient(self, disease: np.ndarray, by_slice: np.ndarray, features: np.ndarray) -> tuple[int, np.ndarray]:
        """Number of the answer, and `(draws, windows, classes)`."""
        settings = self.config.patient_net
        if settings.kind == "nonparametric":
            label, _ = assess_patient(by_slice.mean(axis=1), settings.threshold)
            shares = [assess_patient(one, settings.threshold)[1] for one in np.moveaxis(by_slice, 1, 0)]
            return label, np.stack(shares)[None]
        if self._patient_net is None:
            draws = drawn_slices(len(disease), settings.slices, settings.draws, self.config.seed)
            join = np.mean if settings.kind == "mean" else np.max
            answers = np.stack([join(disease[drawn], axis=0) for drawn in draws])
        else:
            answers = self._from_features(np.moveaxis(features, 1, 0))
        return self.config.decide(answers.mean(axis=(0, 1))), answers

    def _from_features(self, features: np.ndarray) -> np.ndarray:
        """`(windows, slices, channels)` to `(draws, windows, classes)`."""
        settings, draws = self.config.patient_net, [features]
        if getattr(settings, "draws", 1) > 1:
            seeds = range(self.config.seed, self.config.seed + settings.draws)
            taken = [sampled_slices(*features.shape[:2], settings.count, seed) for seed in seeds]
            draws = [np.take_along_axis(features, one[..., None], axis=1) for one in taken]
        return np.stack([self._patient_net(_unpadded(drawn))["output"] for drawn in draws])


def drawn_slices(slices: int, count: int | None, draws: int, seed: int) -> list[np.ndarray]:
    """Numbers of the slices of each draw: all of them, or `count` at random without replacement, in order."""
    if count is None or count >= slices:
        return [np.arange(slices)]
    rng = np.random.default_rng(seed)
    return [np.sort(rng.choice(slices, count, replace=False)) for _ in range(draws)]


def _unpadded(features: np.ndarray) -> dict[str, np.ndarray]:
    return {"features": features, "slice_mask": np.ones(features.shape[:2], bool)}
