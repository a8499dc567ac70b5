"""The schema of a config: a system is a choice of parts, and this is what there is to choose."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Crop(_Part):
    """What is cut out of a slice, and the size the network sees."""

    method: Literal["m3", "none"] = "m3"
    margin: Annotated[int, Field(ge=0)] = 10  # pixels
    box: Literal["slice", "scan"] = "slice"  # a box for every slice, or one for the whole scan
    size: tuple[Count, Count] = (512, 512)  # height, width


class Window(_Part):
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


class EightBit(_Part):
    """The window that 8-bit pixels were made with, where a system is to accept them; HU."""

    center: float = -600
    width: Positive = 1500


class Selection(_Part):
    """Which slices of a scan are read at all."""

    method: Literal["all", "ssfl"] = "all"
    length: Positive = 0.5  # share of the slices; above 1, their number

    @model_validator(mode="after")
    def _whole_slices(self) -> "Selection":
        if self.length > 1 and self.length % 1:
            raise ValueError("length: a share up to 1, or a whole number of slices")
        return self


class SliceNet(_Part):
    backbone: Literal["resnet10_compact", "resnet18", "resnet34", "resnet50", "resnet101"] = "resnet50"
    weights: str | None = None  # imagenet, a file, or null for a random start
    multi_task: bool = True
    attention: bool = True
    coordinates: bool = True
    distance: Literal["cosine", "euclidean"] = "cosine"
    dropout: Share = 0.0

    @model_validator(mode="after")
    def _attention_has_a_source(self) -> "SliceNet":
        if self.attention and not self.multi_task:
            raise ValueError("attention: true needs multi_task: true, which makes the attention map")
        return self


class PatientNet(_Part):
    kind: Literal["multi_scale", "max", "nonparametric", "mean"] = "multi_scale"
    scales: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2, 3, 4)
    refinements: Annotated[int, Field(ge=0)] = 2
    heads: Count = 12
    head_size: Count = 512
    affinity: Literal["slice", "channel"] = "slice"
    normalisation: Literal["softmax", "sum"] = "softmax"
    reduction: Count | None = None  # width of the patient feature; null: that of a slice's feature
    activation: Literal["relu"] | None = None
    dropout: Share = 0.0
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.99  # nonparametric: healthy above this share of slices


class Drop(_Part):
    """Multiplies the learning rate by `factor` after every `every` epochs."""

    every: Count
    factor: Annotated[float, Field(gt=0, le=1)] = 0.1


class Training(_Part):
    epochs: Count
    batch: Count
    learning_rate: Positive
    drop: Drop | None = None
    optimizer: Literal["sgd", "adam"] = "sgd"
    momentum: Share = 0.9  # of sgd
    flip: Literal["none", "horizontal", "vertical", "both"] = "none"
    keep: Literal["best", "last"] = "best"  # weights of the lowest validation loss, or of the last epoch


class Config(_Part):
    """One system, from pixels to diagnosis."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    labels: Annotated[tuple[str, ...], Field(min_length=2)]  # the healthy or negative class first
    notice: str | None = None  # what whoever reads a result must know of this system
    crop: Crop = Crop()
    window: Window = Window()
    eight_bit: EightBit | None = None
    selection: Selection = Selection()
    slice_net: SliceNet = SliceNet()
    slice_training: Training
    patient_net: PatientNet = PatientNet()
    patient_training: Training | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    deterministic: bool = True  # equal weights from equal seeds, on GPUs too; false is faster there

    @model_validator(mode="after")
    def _fits_together(self) -> "Config":
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels: a label stands twice")
        if self.trains_patients and self.patient_training is None:
            raise ValueError(f"patient_training is missing; patient_net.kind {self.patient_net.kind} is trained")
        return self

    @property
    def trains_patients(self) -> bool:
        """Whether the patient stage has weights."""
        return self.patient_net.kind in ("multi_scale", "max")
