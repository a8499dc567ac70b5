"""The networks that read a slice."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tfcovid.config.part import Count, Part, Share

# The variants of `tfcovid.networks.build`, which would load Keras if asked; a test holds the two together.
EFFICIENTNETS = (
    *(f"efficientnet_b{n}{flavour}" for flavour in ("", "_timm") for n in range(8)),
    *(f"efficientnet_lite{n}" for n in range(5)),
)
CLASSIFIERS = (
    "resnet10_compact",
    *(f"resnet{depth}{flavour}" for flavour in ("", "_timm") for depth in (18, 34, 50, 101)),
    *(f"densenet{depth}" for depth in (121, 169, 201)),
    *EFFICIENTNETS,
    *(f"eca_nfnet_l{n}" for n in range(3)),
)


class M3LungSlice(Part):
    """M3Lung-Sys, paper 002: a ResNet with two heads and a lesion map inside."""

    kind: Literal["m3lung"]
    backbone: Literal["resnet10_compact", "resnet18", "resnet34", "resnet50", "resnet101"] = "resnet50"
    weights: str | None = None  # imagenet, a file, or null for a random start
    multi_task: bool = True
    attention: bool = True
    coordinates: bool = True
    distance: Literal["cosine", "euclidean"] = "cosine"
    dropout: Share = 0.0

    @model_validator(mode="after")
    def _attention_has_a_source(self) -> "M3LungSlice":
        if self.attention and not self.multi_task:
            raise ValueError("attention: true needs multi_task: true, which makes the attention map")
        return self


class Classifier(Part):
    """Any 2-D classifier of `tfcovid.networks.build`."""

    kind: Literal["classifier"]
    variant: Literal[CLASSIFIERS] = "resnet50"
    weights: str | None = None
    dropout: Share = 0.0
    drop_path: Share = 0.0  # EfficientNet and ECA-NFNet
    coarse_dropout: Share = 0.0  # of the feature maps behind the stem, ECA-NFNet; augmentation has that of the image

    @model_validator(mode="after")
    def _takes_them(self) -> "Classifier":
        if self.drop_path and not self.variant.startswith(("efficientnet", "eca_nfnet")):
            raise ValueError(f"drop_path: {self.variant} takes none; EfficientNets and ECA-NFNets do")
        if self.coarse_dropout and not self.variant.startswith("eca_nfnet"):
            raise ValueError(f"coarse_dropout: {self.variant} takes none; see augmentation.coarse_dropout")
        return self


class ResDense(Part):
    """Res-Dense stacking, paper 001: backbones side by side on one input, their feature maps added."""

    kind: Literal["res_dense"]
    backbones: Annotated[tuple[str, ...], Field(min_length=2)] = ("resnet101", "densenet121")
    weights: str | dict[str, str] | None = None  # as the others, or a file for each backbone by its name
    project: Literal["resnet", "both"] = "resnet"
    kernel: Count = 1
    pooling: Literal["avg", "gem"] = "avg"
    scaling: Literal["figure", "text"] = "figure"
    dropout: Share = 0.0


class EffMixConv(Part):
    """The first stage of eff-mix-conv, paper 000: an EfficientNet and a dense embedding of the slice."""

    kind: Literal["eff_mix_conv"]
    variant: Literal[EFFICIENTNETS] = "efficientnet_b3_timm"
    weights: str | None = None
    embedding: Count = 224
    dropout: Share = 0.0
    drop_path: Share = 0.0


OUTLINERS = ("attention_unet", "attention_unet_compact", "attention_unet_lite0")


class OutlinedWeights(Part):
    """The bundles of two segmenters, or their .keras files."""

    infection: str
    lungs: str


class Outlined(Part):
    """A slice read by the infection that a segmenter outlines in it; of no paper."""

    kind: Literal["outlined"]
    variant: Literal[OUTLINERS] = "attention_unet_lite0"
    lungs: Literal[OUTLINERS] = "attention_unet_compact"
    weights: OutlinedWeights | None = None
    dropout: Share = 0.0


SliceNet = Annotated[M3LungSlice | Classifier | ResDense | EffMixConv | Outlined, Field(discriminator="kind")]
