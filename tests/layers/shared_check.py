"""What every layer and every network must stand, in one place."""

import functools
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

# Knows of tfcovid only what a user's process would: the layers' names.
_READER = """
import pickle, sys
import keras
import tfcovid.layers
for line in sys.stdin:
    folder = line.rstrip("\\n")
    with open(folder + "/inputs.pickle", "rb") as file:
        inputs = pickle.load(file)
    outputs = keras.saving.load_model(folder + "/model.keras")(inputs)
    with open(folder + "/outputs.pickle", "wb") as file:
        pickle.dump(keras.tree.map_structure(keras.ops.convert_to_numpy, outputs), file)
    print("read", flush=True)
"""


def check(make, inputs, tmp_path, without_gradient=()):
    """Runs the whole check.

    Args:
        make: builds a model that has no random outputs outside training.
        inputs: an array, or a dictionary of arrays, two samples or more.
        without_gradient: ends of the paths of weights whose gradient is zero by mathematics.
    """
    keras.utils.set_random_seed(0)
    model = make()
    expected = _arrays(model(inputs))
    _matches_the_declared_outputs(model, expected)
    _gradient_reaches_every_weight(model, inputs, without_gradient)
    _survives_a_fresh_process(model, inputs, expected, tmp_path)
    _runs_when_exported(model, inputs, expected, tmp_path)
    for policy in ("mixed_float16", "mixed_bfloat16"):
        _runs_in_half_precision(make, model.get_weights(), inputs, expected, policy)


def _arrays(outputs):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)


def _assert_equal(found, expected):
    # Flat, as a tuple may come back as a list.
    for one, other in zip(keras.tree.flatten(_arrays(found)), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def _matches_the_declared_outputs(model, expected):
    def same(declared, found):
        sides = [side for side in zip(declared.shape, found.shape, strict=True) if side[0] is not None]
        assert all(one == other for one, other in sides), f"declared {declared.shape}, gave {found.shape}"
        assert declared.dtype == found.dtype.name, f"declared {declared.dtype}, gave {found.dtype}"
        assert np.isfinite(np.asarray(found, "float64")).all()

    keras.tree.map_structure(same, model.output, expected)


def _gradient_reaches_every_weight(model, inputs, without_gradient):
    weights = [weight for weight in model.trainable_weights if not weight.path.endswith(tuple(without_gradient))]
    generator = np.random.default_rng(0)
    with tf.GradientTape() as tape:
        outputs = [output for output in keras.tree.flatten(model(inputs)) if output.dtype.is_floating]
        loss = sum(tf.reduce_sum(output * generator.normal(size=output.shape)) for output in outputs)
    gradients = tape.gradient(loss, [weight.value for weight in weights]) if weights else []
    for weight, gradient in zip(weights, gradients, strict=True):
        assert gradient is not None, f"no gradient reaches {weight.path}"
        size = np.abs(gradient.numpy()).max()
        assert 0 < size < np.inf, f"the gradient of {weight.path} is {size}"


def _survives_a_fresh_process(model, inputs, expected, tmp_path):
    model.save(tmp_path / "model.keras")
    (tmp_path / "inputs.pickle").write_bytes(pickle.dumps(inputs))
    reader, complaints = _reader()
    reader.stdin.write(f"{tmp_path}\n")
    reader.stdin.flush()
    if reader.stdout.readline() != "read\n":
        _reader.cache_clear()
        reader.wait()
        raise AssertionError(f"a fresh process could not read the model:\n{complaints.read_text()}")
    _assert_equal(pickle.loads((tmp_path / "outputs.pickle").read_bytes()), expected)


@functools.cache
def _reader():
    """A process of its own that reads models, one for all checks: TensorFlow takes seconds to import."""
    complaints = Path(tempfile.mkdtemp()) / "stderr"
    with complaints.open("w") as stderr:
        reader = subprocess.Popen(
            [sys.executable, "-c", _READER],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    return reader, complaints


def _runs_when_exported(model, inputs, expected, tmp_path):
    """The SavedModel gives the same, on one sample too."""
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    _assert_equal(exported.serve(inputs), expected)
    first = keras.tree.map_structure(lambda array: array[:1], (inputs, expected))
    _assert_equal(exported.serve(first[0]), first[1])


def _runs_in_half_precision(make, weights, inputs, expected, policy):
    """Finite, as declared, and near the result in float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = make()
    finally:
        keras.config.set_dtype_policy(before)
    model.set_weights(weights)
    found = _arrays(model(inputs))
    _matches_the_declared_outputs(model, found)

    def near(one, other):
        if other.dtype == bool:
            np.testing.assert_array_equal(one, other)
            return
        away = np.abs(np.asarray(one, "float64") - other).mean() / max(np.abs(other).mean(), 1e-3)
        assert away < 0.03, f"{policy} is {away:.0%} away from float32"

    keras.tree.map_structure(near, found, expected)
