"""The schema of a config: a system is a choice of parts, and this is what there is to choose."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from tfcovid.config.part import Count, Part, Positive, Share
from tfcovid.config.patient_nets import PatientNet
from tfcovid.config.recipes import PatientTraining, SliceTraining
from tfcovid.config.segmenter import LEFT, LUNG, Segmenter
from tfcovid.config.slice_nets import SliceNet


class Crop(Part):
    """What is cut out of a slice, and the size the network sees."""

    method: Literal["m3", "attention_unet", "body", "none"] = "m3"
    margin: int = 10  # pixels; below 0 the box moves inwards, as paper 003 has it
    box: Literal["slice", "scan"] = "slice"  # a box for every slice, or one for the whole scan
    size: tuple[Count, Count] = (512, 512)  # height, width
    outside: Literal["keep", "white", "mean"] = "keep"  # pixels outside the lungs that attention_unet finds
    segmenter: str = "lungs"  # the bundle that attention_unet finds them with, where the config has no section lungs

    @model_validator(mode="after")
    def _needs_a_mask(self) -> "Crop":
        if self.method != "attention_unet":
            if self.margin < 0:
                raise ValueError(f"margin: below 0 is for method attention_unet. Received: {self.margin}")
            if self.outside != "keep":
                raise ValueError(f"outside: it takes the lungs of method attention_unet. Received: {self.outside}")
        return self


class Window(Part):
    """CT window, HU. Training draws its centre, prediction averages over centres."""

    width: Positive = 1200
    train: tuple[float, float] = (-700, -500)
    predict: Annotated[tuple[float, ...], Field(min_length=1)] = (-700, -600, -500)

    @model_validator(mode="after")
    def _ordered(self) -> "Window":
        if self.train[0] > self.train[1]:
            raise ValueError("train: the lower centre comes first")
        return self

    @field_validator("predict")
    @classmethod
    def _different(cls, centers: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(centers)) < len(centers):
            raise ValueError("a centre stands twice")
        return centers


class EightBit(Part):
    """The window that 8-bit pixels were made with, where a system is to accept them; HU."""

    center: float = -600
    width: Positive = 1500


class Selection(Part):
    """Which slices of a scan are read at all."""

    method: Literal["all", "ssfl"] = "all"
    length: Positive = 0.5  # share of the slices; above 1, their number

    @model_validator(mode="after")
    def _whole_slices(self) -> "Selection":
        if self.length > 1 and self.length % 1:
            raise ValueError("length: a share up to 1, or a whole number of slices")
        return self


class Then(Part):
    """What outlines the infection of a scan that was called one of `when`: a bundle, or one that is trained along."""

    when: Annotated[tuple[str, ...], Field(min_length=1)]
    bundle: str | None = None
    segmenter: Segmenter | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Then":
        if (self.bundle is None) == (self.segmenter is None):
            raise ValueError("bundle: name the bundle of a segmenter, or have one trained: section segmenter")
        return self


class Config(Part):
    """One system, from pixels to diagnosis."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    labels: Annotated[tuple[str, ...], Field(min_length=2)]  # the healthy or negative class first
    notice: str | None = None  # what whoever reads a result must know of this system
    lungs: Segmenter | None = None  # trained first, for crop.method attention_unet
    crop: Crop = Crop()
    window: Window = Window()
    eight_bit: EightBit | None = None
    selection: Selection = Selection()
    head: Literal["softmax", "sigmoid"] = "softmax"  # sigmoid: one output, the probability of the second label
    slice_net: SliceNet
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5  # of two labels, the second is called from here on
    refer_below: Share = 0.7  # confidence in what is called, below which a radiologist should decide
    mirror: bool = False  # prediction also sees each slice mirrored, and takes the mean
    slice_training: SliceTraining
    patient_net: PatientNet
    patient_training: PatientTraining | None = None
    then: Then | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    deterministic: bool = True  # equal weights from equal seeds, on GPUs too; false is faster there

    @model_validator(mode="after")
    def _fits_together(self) -> "Config":
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels: a label stands twice")
        if self.trains_patients and self.patient_training is None:
            raise ValueError(f"patient_training is missing; patient_net.kind {self.patient_net.kind} is trained")
        if self.head == "sigmoid" and len(self.labels) != 2:
            raise ValueError(f"head: a sigmoid tells two labels apart; there are {len(self.labels)}")
        if self.threshold != 0.5 and len(self.labels) != 2:
            raise ValueError(f"threshold: it is for two labels; there are {len(self.labels)}")
        if self.head == "sigmoid" and self.slice_net.kind in ("m3lung", "outlined"):
            raise ValueError(f"head: {self.slice_net.kind} has softmax heads")
        if self.lungs and self.crop.method != "attention_unet":
            raise ValueError(f"lungs: they are for crop.method attention_unet. Received: {self.crop.method}")
        if self.lungs and not {LUNG, LEFT} & set(self.lungs.labels):
            raise ValueError(f"lungs: no lung among its labels. Received: {list(self.lungs.labels)}")
        if self.then and not set(self.then.when) <= set(self.labels):
            raise ValueError(f"then: when names labels of this system. Received: {list(self.then.when)}")
        return self

    @property
    def trains_patients(self) -> bool:
        """Whether the patient stage has weights."""
        return self.patient_net.kind not in ("mean", "max_scores", "nonparametric")

    def decide(self, probabilities: Sequence[float]) -> int:
        """The number of the label that is called: of two the second from `threshold` on, of more the likeliest.

        Where `patient_net` is nonparametric these are shares of slices, and its rule decides.
        """
        if self.patient_net.kind == "nonparametric":
            if probabilities[0] > self.patient_net.threshold:
                return 0
            return max(range(1, len(self.labels)), key=lambda n: probabilities[n])
        if len(self.labels) == 2:
            return int(probabilities[1] >= self.threshold)
        return max(range(len(self.labels)), key=lambda n: probabilities[n])
