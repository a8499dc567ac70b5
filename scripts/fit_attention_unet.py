"""Trains the Attention U-Net on slice images and their masks, with plain Keras.

    python scripts/fit_attention_unet.py IMAGES MASKS -o lungs.keras

An image and its mask have the same name in two folders. The last quarter in the alphabet is for validation.
"""

import argparse
from pathlib import Path

import cv2
import keras
import numpy as np

from tfcovid.losses import FocalTversky
from tfcovid.metrics import MeanDice
from tfcovid.networks import attention_unet


def fit(images: np.ndarray, masks: np.ndarray, network: keras.Model, epochs: int) -> keras.Model:
    """`images` are `(slices, height, width, 1)` in [0, 1], `masks` the same shape, 0 or 1."""
    cut = len(images) - max(1, len(images) // 4)
    network.compile(keras.optimizers.Adam(1e-3), FocalTversky(), metrics=[MeanDice()])
    network.fit(
        images[:cut], masks[:cut], batch_size=4, epochs=epochs, validation_data=(images[cut:], masks[cut:]), verbose=2
    )
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the model to write (.keras)")
    parser.add_argument("--network", default="attention_unet_compact")
    parser.add_argument("--size", type=int, default=128, help="pixels of a side, a multiple of 32")
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()

    def read(path: Path) -> np.ndarray:
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if image is None:
            parser.error(f"not a readable image: {path}")
        return cv2.resize(image, (options.size, options.size), interpolation=cv2.INTER_AREA)

    files = sorted(path for path in options.images.iterdir() if (options.masks / path.name).is_file())
    if len(files) < 2:
        parser.error(f"{options.images} and {options.masks} share {len(files)} file names; two are the least")
    images = np.stack([read(path) for path in files])[..., None] / np.float32(255)
    # A mask's edge may have been smoothed, and resizing smooths it: half and above is inside.
    masks = np.stack([read(options.masks / path.name) for path in files])[..., None] > 127
    network = attention_unet(1, images.shape[1:], options.network)
    fit(images, masks.astype("uint8"), network, options.epochs).save(options.output)


if __name__ == "__main__":
    main()
