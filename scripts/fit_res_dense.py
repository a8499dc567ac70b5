"""Trains Res-Dense stacking on a folder of slice images in the paper's two phases, with plain Keras.

    python scripts/fit_res_dense.py IMAGES -o slices.keras --weights imagenet

IMAGES holds two folders of PNG or JPEG, the negative class first in the alphabet. The split here is by image and only
watches the training: with several images a patient, the validation figures are too good.
"""

import argparse
from pathlib import Path

import keras

from tfcovid.metrics import F1, MacroF1
from tfcovid.networks import freeze, res_dense

# First the head alone, then all but the first 100 layers of each backbone; None freezes a backbone as a whole.
PHASES = ({"freeze": None, "share": 0.25}, {"freeze": 100, "share": 0.75})


def fit(train, val, network: keras.Model, epochs: int) -> keras.Model:
    """`train` and `val` are `tf.data` of slices `(batch, height, width, 3)` in [0, 1] and labels 0 or 1."""
    slices = network.input
    x = keras.layers.RandomFlip("horizontal", seed=0)(slices)
    x = keras.layers.RandomRotation(0.2, seed=0)(x)
    model = keras.Model(slices, network(x))
    done = 0
    for phase in PHASES:
        freeze(network, phase["freeze"])
        model.compile(keras.optimizers.Adam(1e-4), "binary_crossentropy", metrics=["accuracy", F1(1), MacroF1()])
        stop = done + max(1, round(epochs * phase["share"]))
        # The data set shuffles itself.
        model.fit(train, validation_data=val, initial_epoch=done, epochs=stop, shuffle=False)
        done = stop
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the model to write (.keras)")
    parser.add_argument("--backbones", nargs="+", default=["resnet101", "densenet121"])
    parser.add_argument("--weights", help="imagenet, or a .keras file of the same backbones")
    parser.add_argument("--size", type=int, default=256, help="pixels of a side")
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()

    side = options.size
    train, val = (
        data.map(lambda images, target: (images / 255.0, target))
        for data in keras.utils.image_dataset_from_directory(
            options.images, label_mode="binary", image_size=(side, side), validation_split=0.25, subset="both", seed=0
        )
    )
    network = res_dense(1, (side, side, 3), options.backbones, weights=options.weights, dropout=0.2)
    fit(train, val, network, options.epochs).save(options.output)


if __name__ == "__main__":
    main()
