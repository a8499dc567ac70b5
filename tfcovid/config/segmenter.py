"""The schema of a segmenter: a network that gives every voxel a label, and how it is trained."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tfcovid.config.part import Count, Part, Positive, Share
from tfcovid.config.recipes import Augmentation, Training

# What masks can say: the lungs, together or told apart, and what is ill in them.
BACKGROUND, LUNG, LEFT, RIGHT, INFECTION = "background", "lung", "left lung", "right lung", "infection"


class AttentionUNet(Part):
    """The Attention U-Net of paper 003, slice by slice."""

    kind: Literal["attention_unet"]
    variant: Literal["attention_unet", "attention_unet_compact", "attention_unet_lite0"] = "attention_unet"
    weights: str | None = None  # a file, imagenet for the encoder of attention_unet_lite0, or null for a random start
    dropout: Share = 0.0
    size: tuple[Count, Count] = (256, 256)  # height, width; slices are resized to it

    @model_validator(mode="after")
    def _poolings(self) -> "AttentionUNet":
        if any(side % 32 for side in self.size):
            raise ValueError(f"size: five poolings need sides that divide by 32. Received: {list(self.size)}")
        return self


class Guidance(Part):
    """Clicks of a reader on the infection (positive) and beside it (negative), as two more channels."""

    sigma: Positive = 6.0  # mm, standard deviation of the Gaussian around a click
    clicks: Count = 5  # at most, in a training step; the n-th correction with probability 1 - n / clicks
    unattended: Share = 0.3  # of the training steps are without any click


class UNet3D(Part):
    """The 3-D U-Net of paper 004, or the faster one of MONAI, on overlapping windows of a scan at a working spacing."""

    kind: Literal["unet3d"]
    variant: Literal[
        "unet3d", "unet3d_compact", "strided_unet3d", "strided_unet3d_instance", "strided_unet3d_compact"
    ] = "unet3d"
    weights: str | None = None
    dropout: Share = 0.0
    padding: Literal["same", "valid"] = "same"
    spacing: tuple[Positive, Positive, Positive] = (1.5, 1.5, 1.5)  # mm between slices, rows, columns
    patch: tuple[Count, Count, Count] = (120, 136, 136)  # slices, rows, columns of a window
    overlap: Share = 0.25  # of neighbouring windows
    guidance: Guidance | None = Guidance()

    @model_validator(mode="after")
    def _poolings(self) -> "UNet3D":
        if self.padding == "same" and any(side % 8 for side in self.patch):
            raise ValueError(f"patch: three poolings need sides that divide by 8. Received: {list(self.patch)}")
        if self.padding == "valid" and self.variant.startswith("strided"):
            raise ValueError(f"padding: {self.variant} pads; take same. Received: valid")
        if self.padding == "valid" and any(side < 92 or side % 8 != 4 for side in self.patch):
            raise ValueError(
                "patch: without padding the sides are 92 or a multiple of 8 more, such as 116, 132, 132. "
                f"Received: {list(self.patch)}"
            )
        return self


SegmentationNet = Annotated[AttentionUNet | UNet3D, Field(discriminator="kind")]


class Level(Part):
    """A CT window, HU."""

    center: float = -600
    width: Positive = 1500


class SegmenterTraining(Training):
    samples: Count = 16  # slices or patches drawn from every scan in every epoch
    around_labels: Share = 0.75  # of them with a labelled voxel in the middle, every label alike; the others anywhere
    loss: Literal["focal_tversky", "dice_cross_entropy"] = "dice_cross_entropy"
    augmentation: Augmentation = Augmentation()
    best_by: Literal["loss", "dice"] = "dice"  # on validation

    @model_validator(mode="after")
    def _no_classes(self) -> "SegmenterTraining":
        for name in ("class_weights", "balance", "label_smoothing"):
            if getattr(self, name):
                raise ValueError(f"{name}: it is for classifiers")
        if self.augmentation.coarse_dropout:
            raise ValueError("augmentation.coarse_dropout: it is for classifiers")
        return self


class Segmenter(Part):
    """From the HU of a scan to a label for every voxel."""

    task: Literal["segment"] = "segment"
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    labels: Annotated[tuple[Literal[BACKGROUND, LUNG, LEFT, RIGHT, INFECTION], ...], Field(min_length=2)]
    notice: str | None = None  # what whoever sees a mask must know of this segmenter
    window: Level = Level()
    eight_bit: Level | None = None  # the window that 8-bit pixels were made with, where it is to accept them
    network: SegmentationNet
    training: SegmenterTraining
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    deterministic: bool = True

    @model_validator(mode="after")
    def _fits_together(self) -> "Segmenter":
        if self.labels[0] != BACKGROUND or len(set(self.labels)) < len(self.labels):
            raise ValueError(f"labels: {BACKGROUND} comes first, and none stands twice. Received: {list(self.labels)}")
        if LUNG in self.labels and (LEFT in self.labels or RIGHT in self.labels):
            raise ValueError("labels: the lungs stand together or told apart, not both")
        if (LEFT in self.labels) != (RIGHT in self.labels):
            raise ValueError(f"labels: {LEFT} and {RIGHT} go together")
        if self.tells_sides and self.training.augmentation.flip in ("horizontal", "both"):
            raise ValueError("training.augmentation.flip: mirrored lungs change sides; take none or vertical")
        if self.guidance and INFECTION not in self.labels:
            raise ValueError(f"network.guidance: clicks are on the label {INFECTION}; add it, or set guidance to null")
        return self

    @property
    def guidance(self) -> Guidance | None:
        """How clicks are shown to the network, None where it takes none."""
        return getattr(self.network, "guidance", None)

    @property
    def tells_sides(self) -> bool:
        """Whether left and right are labels: then a mirrored patient is another patient."""
        return LEFT in self.labels
