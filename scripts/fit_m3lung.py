"""Trains the slice network of M3Lung-Sys on a folder of slice images, with plain Keras.

    python scripts/fit_m3lung.py IMAGES --healthy NAME -o slices.keras

IMAGES holds one folder of PNG or JPEG a class. The split here is by image and only watches the training: with several
images a patient, the validation figures are too good.
"""

import argparse
from pathlib import Path

import keras

from tfcovid.metrics import MacroF1
from tfcovid.networks import m3lung_slice


def fit(train, val, classes: int, size: int, backbone: str, epochs: int) -> keras.Model:
    """`train` and `val` are `tf.data` of slices `(batch, size, size, 1)` in [0, 1] and labels, 0 the healthy one."""

    def with_both_targets(images, target):
        return images, {"disease": target, "lesion": keras.ops.cast(target > 0, "int32")}

    network = m3lung_slice(classes, (size, size, 1), backbone)
    heads = {name: network.output[name] for name in ("disease", "lesion")}
    model = keras.Model(network.input, heads)
    model.compile(
        keras.optimizers.Adam(1e-3),
        loss=dict.fromkeys(heads, "sparse_categorical_crossentropy"),
        metrics={"disease": ["accuracy", MacroF1(classes)], "lesion": ["accuracy"]},
    )
    train, val = train.map(with_both_targets), val.map(with_both_targets)
    model.fit(train, validation_data=val, epochs=epochs, shuffle=False)  # the data set shuffles itself
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--healthy", required=True, help="which folder is the class without lesions")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the model to write (.keras)")
    parser.add_argument("--size", type=int, default=128, help="pixels of a side")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--backbone", default="resnet10_compact")
    options = parser.parse_args()

    classes = sorted(path.name for path in options.images.iterdir() if path.is_dir())
    if options.healthy not in classes:
        parser.error(f"--healthy is one of {', '.join(classes)}")
    classes.sort(key=lambda name: name != options.healthy)
    train, val = (
        data.map(lambda images, target: (images / 255.0, target))
        for data in keras.utils.image_dataset_from_directory(
            options.images,
            class_names=classes,
            color_mode="grayscale",
            image_size=(options.size, options.size),
            validation_split=0.2,
            subset="both",
            seed=0,
        )
    )
    fit(train, val, len(classes), options.size, options.backbone, options.epochs).save(options.output)


if __name__ == "__main__":
    main()
