"""What joins the slices of a scan into a diagnosis."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tfcovid.config.part import Count, Part, Share


class Scores(Part):
    """Joins the class scores of the slices, without weights: their mean, or the largest of each class."""

    kind: Literal["mean", "max_scores"]
    slices: Count | None = None  # of a draw; null: all that were selected
    draws: Count = 1  # the mean of so many draws; paper 000: 10

    @model_validator(mode="after")
    def _draws_differ(self) -> "Scores":
        if self.draws > 1 and self.slices is None:
            raise ValueError("draws: without slices every draw is of all slices; say how many a draw holds")
        return self


class Nonparametric(Part):
    """M3Lung-Sys without a trained patient network: shares of slices, and a rule."""

    kind: Literal["nonparametric"]
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.99  # healthy above this share of healthy slices


class MultiScale(Part):
    """The patient network of M3Lung-Sys."""

    kind: Literal["multi_scale"]
    scales: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2, 3, 4)
    refinements: Annotated[int, Field(ge=0)] = 2
    heads: Count = 12
    head_size: Count = 512
    affinity: Literal["slice", "channel"] = "slice"
    normalisation: Literal["softmax", "sum"] = "softmax"
    reduction: Count | None = None  # width of the patient feature; null: that of a slice's feature
    reduction_activation: Literal["relu"] | None = None
    dropout: Share = 0.0


class MaxFeatures(Part):
    """The largest of each feature over the slices, and a head."""

    kind: Literal["max"]
    dropout: Share = 0.0


class EffMixConvScan(Part):
    """The second stages of eff-mix-conv, paper 000: a 1-D convolution over embedding (E) or slices (S), a ResNet."""

    kind: Literal["eff_mix_conv_e", "eff_mix_conv_s"]
    count: Count = 100  # slices
    filters: Count = 100
    backbone: Literal["resnet10_compact", "resnet18", "resnet18_timm", "resnet34", "resnet34_timm"] = "resnet18_timm"
    dropout: Share = 0.0
    draws: Count = 10  # predictions are the mean over so many draws of `count` slices; 1: they are evenly spaced


class Transformer(Part):
    kind: Literal["transformer"]
    width: Count = 128
    depth: Count = 2
    heads: Count = 4
    dropout: Share = 0.0


class Lstm(Part):
    kind: Literal["lstm"]
    units: Count = 128
    depth: Count = 1
    dropout: Share = 0.0


class Conv1D(Part):
    kind: Literal["conv1d"]
    width: Count = 128
    depth: Count = 3
    kernel: Count = 3
    pooling: Literal["max", "mean"] = "max"
    dropout: Share = 0.0


PatientNet = Annotated[
    Scores | Nonparametric | MultiScale | MaxFeatures | EffMixConvScan | Transformer | Lstm | Conv1D,
    Field(discriminator="kind"),
]
