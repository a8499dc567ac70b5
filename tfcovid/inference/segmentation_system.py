"""A trained segmenter: from a scan to a label for every voxel."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from tfcovid.config import Segmenter
from tfcovid.config.segmenter import INFECTION, LEFT, LUNG, RIGHT
from tfcovid.data.network_slices import scan_hu
from tfcovid.data.prepare_volumes import require_spacing
from tfcovid.errors import InputError
from tfcovid.inference.clicks import Clicks
from tfcovid.inference.runtime.compiled import Compiled
from tfcovid.inference.runtime.network import Network
from tfcovid.inference.segmentation import Segmentation
from tfcovid.inference.sliding_window import sliding_window
from tfcovid.preprocess import crop_resize, interpolated, largest_components, lung_region, resample, split_lungs
from tfcovid.progress import with_progress
from tfcovid.scans import Scan

if TYPE_CHECKING:
    import keras

_BODY_HU = -500  # nothing above it is air
_CLICKS = 8  # places for clicks come in multiples of these, so that the graph is traced anew only behind them


@dataclass
class SegmentationSystem:
    """What the bundle of a segmenter holds, ready to outline lungs or lesions.

    Attributes:
        network: from slices or volumes in [0, 1] to probabilities, see `tfcovid.networks`; None where `compiled`
            takes its place.
        finder: finds the lungs, where the labels of this one have none.
        windows: of a scan that the network sees at a time; None for 4 where there is a GPU, and else 1.
        card: the model card of the bundle, Markdown.
        compiled: the network for another runtime than Keras's.
        runtime: what runs the network, for results; see `Compiled`.
    """

    config: Segmenter
    network: "keras.Model | None"
    facts: dict[str, Any]
    finder: "SegmentationSystem | None" = None
    windows: int | None = None
    card: str = ""
    compiled: Compiled | None = None
    runtime: dict[str, str] = field(init=False)
    _model: "keras.Model | None" = field(init=False, repr=False, default=None)
    _network: Network = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.compiled is not None:
            self._network, self.runtime = self.compiled.networks["segment"], dict(self.compiled.runtime)
            return
        from tfcovid.inference.runtime.keras_network import KerasNetwork, keras_runtime
        from tfcovid.networks import fold

        self._model = inference_graph(self.config, fold(self.network))
        self._network, self.runtime = KerasNetwork(self._model), keras_runtime(self.network)

    @cached_property
    def hash(self) -> str:
        """Of the weights and of the settings that shape masks."""
        if self.compiled is not None:
            return self.compiled.facts["hash"]
        from tfcovid.networks import weights_hash

        shaping = self.config.model_dump(mode="json", include={"labels", "window", "network"})
        return hashlib.sha256(json.dumps([weights_hash(self.network), shaping]).encode()).hexdigest()[:32]

    @cached_property
    def inner(self) -> tuple[int, ...]:
        """Sides of what comes out of the network for a window of the config's `patch`; for slices their size."""
        if self.compiled is not None:
            return tuple(self.compiled.facts["inner"])
        settings = self.config.network
        seen = settings.size if settings.kind == "attention_unet" else settings.patch
        return tuple(self.network.compute_output_shape((1, *seen, self.network.input_shape[-1]))[1:-1])

    def segment(
        self, scan: Scan, clicks: Clicks | None = None, progress: bool = False, lungs: np.ndarray | None = None
    ) -> Segmentation:
        """Outlines what the labels name, and the lungs that it lies in.

        Where another segmenter outlines the lungs and no clicks are given, infection farther than 5 mm from them is
        left out, and `Segmentation.left_out` says how much that was.

        Args:
            clicks: of a reader, on the infection and beside it, in voxels of the scan.
            lungs: `(slices, height, width)` bool, what `finder` found in this scan, where it has been asked already.

        Raises:
            InputError: pixels the segmenter cannot read, a scan of nothing but air, or clicks where it takes none.
        """
        started = perf_counter()
        hu = scan_hu(scan, self.config)
        require_spacing(scan, self.config)
        if not (hu > _BODY_HU).any():
            raise InputError(f"this scan shows nothing but air, up to {int(hu.max())} HU: look at how it was exported.")
        if clicks is not None and clicks.count:
            if self.config.guidance is None:
                raise InputError(
                    f"{self.config.name} takes no clicks: it outlines {', '.join(self.config.labels[1:])}. "
                    f"Leave them out, or choose a segmenter with guidance on {INFECTION}."
                )
            clicks.require_inside(hu.shape)
        found = self.masks(hu, scan.spacing, clicks, progress)
        outlined = perf_counter()
        names = self.config.labels
        infection = found == names.index(INFECTION) if INFECTION in names else None
        lungs_by, left_out = None, 0
        if set(names) & {LUNG, LEFT}:
            sides = self._sides(found, scan.spacing)
        elif self.finder:
            lungs_by = {"name": self.finder.config.name, "hash": self.finder.hash}
            lungs = self.finder.lungs(hu, scan.spacing) if lungs is None else lungs
            sides = split_lungs(lungs, scan.spacing)
            # A reader may click where no lung was found.
            if infection is not None and sides.any() and not (clicks and clicks.count):
                left_out = _confine(infection, sides > 0, scan)
        else:
            sides = None
        return Segmentation(
            scan=scan,
            sides=sides,
            infection=infection,
            clicks=clicks,
            settings=self.config.model_dump(mode="json"),
            bundle=self.facts,
            timings={"segment": outlined - started, "lungs": perf_counter() - outlined},
            lungs_by=lungs_by,
            left_out=left_out,
            runtime=self.runtime,
        )

    def lungs(self, hu: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
        """The lungs in slices of HU, both `(slices, height, width)`; bool, specks dropped."""
        return largest_components(self.masks(hu, spacing) > 0)

    def masks(
        self,
        hu: np.ndarray,
        spacing: tuple[float, float, float],
        clicks: Clicks | None = None,
        progress: bool = False,
    ) -> np.ndarray:
        """The likeliest label of every voxel, as the network has it.

        Args:
            hu: `(slices, height, width)` int16, HU.
            spacing: (slice, row, column) in mm; a segmenter of slices does not ask for it.

        Returns:
            `(slices, height, width)` uint8, numbers of the config's labels.
        """
        found = np.empty(hu.shape, np.uint8)
        for k, probabilities in enumerate(self.probabilities(hu, spacing, clicks, progress)):
            found[k] = probabilities.argmax(axis=-1)
        return found

    def probabilities(
        self,
        hu: np.ndarray,
        spacing: tuple[float, float, float],
        clicks: Clicks | None = None,
        progress: bool = False,
    ) -> Iterator[np.ndarray]:
        """`(height, width, labels)` of each slice of `hu`, see `masks`."""
        flat = self.config.network.kind == "attention_unet"
        return self._by_slices(hu, progress) if flat else self._by_windows(hu, spacing, clicks, progress)

    def _by_slices(self, hu: np.ndarray, progress: bool) -> Iterator[np.ndarray]:
        """`(height, width, labels)` of each slice."""
        size, whole = self.config.network.size, np.array([[0, 0, *hu.shape[1:]]], np.int32)
        small = crop_resize(hu, np.repeat(whole, len(hu), axis=0), size)
        for one in with_progress(self._network.each(small), len(hu), "Outlining slices", progress):
            yield cv2.resize(one["output"], hu.shape[:0:-1], interpolation=cv2.INTER_LINEAR)

    def _by_windows(
        self, hu: np.ndarray, spacing: tuple[float, float, float], clicks: Clicks | None, progress: bool
    ) -> Iterator[np.ndarray]:
        settings = self.config.network
        volume, working = resample(hu, spacing, settings.spacing)
        shown = np.float32(working)[None]
        places = _click_places(clicks, hu.shape, volume.shape)

        def run(windows: np.ndarray, starts: np.ndarray) -> np.ndarray:
            if self.config.guidance is None:
                return self._network({"hu": windows[..., None]})["output"]
            inputs = {
                "hu": windows[..., None],
                "clicks": np.repeat(places[None], len(windows), axis=0),
                "origin": starts.astype(np.float32),
                "spacing": np.repeat(shown, len(windows), axis=0),
            }
            return self._network(inputs)["output"]

        slabs = sliding_window(
            volume,
            settings.patch,
            run,
            len(self.config.labels),
            inner=self.inner,
            overlap=settings.overlap,
            batch=self.windows or self._network.batch,
            progress=progress,
        )
        return (one[0] for one in interpolated(slabs, len(volume), hu.shape))

    def _sides(self, found: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
        """1 left lung, 2 right lung, specks dropped; infection not yet part of either."""
        names = self.config.labels
        # Consolidation may cut a lung in pieces: together with the infection it is one.
        whole = largest_components(found > 0)
        if LUNG in names:
            return np.where(found == names.index(LUNG), split_lungs(whole, spacing), 0).astype(np.uint8)
        numbers = np.array([{LEFT: 1, RIGHT: 2}.get(name, 0) for name in names], np.uint8)
        return numbers[found] * whole


def inference_graph(config: Segmenter, network: "keras.Model") -> "keras.Model":
    """From HU, and clicks where it takes them, to the probabilities of all labels.

    Inputs: "hu" `(batch, ..., 1)` int16; with guidance also "clicks" `(batch, 2, clicks, 3)` in voxels of the whole
    volume, padded with -1; "origin" `(batch, 3)`, the voxel where each window begins; "spacing" `(batch, 3)` in mm.
    """
    import keras

    from tfcovid.layers import ClickGuidance, RandomWindowLevel

    hu = keras.Input((*network.input_shape[1:-1], 1), dtype="int16", name="hu")
    level = RandomWindowLevel(config.window.center, config.window.center, config.window.width, name="window")
    x = level(hu, training=False)
    if config.guidance is None:
        return keras.Model(hu, all_labels(network(x, training=False)), name="outlining")
    clicks, origin, spacing = (
        keras.Input(shape, name=name) for name, shape in (("clicks", (2, None, 3)), ("origin", (3,)), ("spacing", (3,)))
    )
    maps = ClickGuidance(config.guidance.sigma, normalise=False, name="guidance")(x, clicks, spacing, origin)
    probabilities = network(keras.layers.Concatenate(name="seen")([x, maps]), training=False)
    inputs = {"hu": hu, "clicks": clicks, "origin": origin, "spacing": spacing}
    return keras.Model(inputs, all_labels(probabilities), name="outlining")


def _confine(infection: np.ndarray, lungs: np.ndarray, scan: Scan) -> int:
    """Clear infection farther than 5 mm from lungs, see `lung_region`, and return how many voxels that were."""
    before = np.count_nonzero(infection)
    infection &= lung_region(lungs, scan.known_spacing and scan.known_spacing[1:]) > 0
    return int(before - np.count_nonzero(infection))


def all_labels(probabilities):
    """Probabilities of the background and of one label, where one output has that of the label; others as they are."""
    if probabilities.shape[-1] > 1:
        return probabilities
    import keras

    return keras.ops.concatenate([1 - probabilities, probabilities], axis=-1)


def _click_places(clicks: Clicks | None, shape: tuple[int, ...], working: tuple[int, ...]) -> np.ndarray:
    """`(2, places, 3)` float32 in voxels of the working grid, padded with -1."""
    parts = [np.empty((0, 3)), np.empty((0, 3))] if clicks is None else clicks.to_working(shape, working)
    most = max(len(part) for part in parts)
    places = np.full((2, max(_CLICKS, -(-most // _CLICKS) * _CLICKS), 3), -1, np.float32)
    for row, part in zip(places, parts, strict=True):
        row[: len(part)] = part
    return places
