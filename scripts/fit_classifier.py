"""Trains a ResNet, DenseNet, EfficientNet or ECA-NFNet on a folder of slice images, with plain Keras.

    python scripts/fit_classifier.py IMAGES --network eca_nfnet_l0 -o slices.keras

IMAGES holds one folder of PNG or JPEG a class; `tfcovid weights list` names the networks and the weights there are.
The split here is by image and only watches the training: with several images a patient, the validation figures are too
good.
"""

import argparse
from pathlib import Path

import keras

from tfcovid.metrics import MacroF1
from tfcovid.networks import build


def fit(train, val, network: keras.Model, epochs: int) -> keras.Model:
    """`train` and `val` are `tf.data` of slices `(batch, height, width, 1)` in [0, 1] and labels `(batch,)`."""
    slices = network.input
    flipped = keras.layers.RandomFlip("horizontal", seed=0)(slices)
    model = keras.Model(slices, network(flipped))
    classes = network.output_shape[-1]
    optimizer = keras.optimizers.AdamW(1e-4, weight_decay=5e-4)
    # Decay pulls kernels only: not biases, nor the gains and norms that set the scale of a layer.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gain", "gamma", "beta"])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy", MacroF1(classes)])
    model.fit(train, validation_data=val, epochs=epochs, shuffle=False)  # the data set shuffles itself
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--network", default="resnet18_timm", help="such as resnet50, efficientnet_b4, eca_nfnet_l0")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the model to write (.keras)")
    parser.add_argument("--weights", help="imagenet, or a file")
    parser.add_argument("--size", type=int, default=128, help="pixels of a side")
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()

    side = options.size
    train, val = keras.utils.image_dataset_from_directory(
        options.images, color_mode="grayscale", image_size=(side, side), validation_split=0.2, subset="both", seed=0
    )
    classes = len(train.class_names)
    train, val = (data.map(lambda images, target: (images / 255.0, target)) for data in (train, val))
    network = build(options.network, classes, (side, side, 1), weights=options.weights, dropout=0.2)
    fit(train, val, network, options.epochs).save(options.output)


if __name__ == "__main__":
    main()
