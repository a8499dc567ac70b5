"""Times a grouped convolution as Keras has it against one call for each group, which is what the package does.

    python benchmarks/grouped_conv.py

The two shapes are those of ECA-NFNet-L0 at 384 x 384: 3 x 3 kernels, groups of 64 channels, batch 8.
Both inside `tf.function`.
"""

import time

import numpy as np
import tensorflow as tf
from keras import ops

from tfcovid.layers.grouped_conv import grouped_conv


def main() -> None:
    generator = np.random.default_rng(0)
    for side, channels, groups in ((48, 128, 2), (24, 384, 6)):
        x = tf.constant(generator.normal(size=(8, side, side, channels)).astype("float32"))
        kernel = tf.constant(generator.normal(size=(3, 3, channels // groups, channels)).astype("float32"))
        both = {
            "Keras": lambda x, kernel: ops.conv(x, kernel, padding="same"),
            "group by group": lambda x, kernel, groups=groups: grouped_conv(x, kernel, groups, padding="same"),
        }
        print(f"{side} x {side} x {channels}, {groups} groups")
        results = []
        for name, convolve in both.items():
            forward = tf.function(convolve)
            backward = tf.function(lambda x, kernel, f=convolve: tf.gradients(f(x, kernel), [x, kernel]))
            results.append(forward(x, kernel).numpy())
            print(
                f"  {name:15}{_best(forward, x, kernel):8.1f} ms{_best(backward, x, kernel):10.1f} ms for the gradient"
            )
        print(f"  largest difference {np.abs(results[0] - results[1]).max():.1e}")


def _best(run, *arguments) -> float:
    """Milliseconds of the fastest of five runs, after one that traces."""
    times = []
    for _ in range(6):
        start = time.perf_counter()
        tf.nest.map_structure(lambda tensor: tensor.numpy(), run(*arguments))
        times.append(time.perf_counter() - start)
    return 1000 * min(times[1:])


if __name__ == "__main__":
    main()
