"""What every layer and every network must stand, in one place."""

import functools
import importlib.util
import os
import pickle
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np

BACKENDS = [name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name)]

# JAX compiles the start value of every new shape of kernel for seconds; what it made once is kept.
_JAX_CACHE = {
    "JAX_COMPILATION_CACHE_DIR": str(Path(tempfile.gettempdir()) / "tfcovid-tests-jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}

# Knows of tfcovid only what a user's process would: the layers' names.
_READER = """
import pickle, sys
import keras
import tfcovid.layers, tfcovid.losses, tfcovid.metrics, tfcovid.networks
with_keras_alone = keras.backend.backend() == "tensorflow" or "tensorflow" not in sys.modules
print("ready" if with_keras_alone else "imported TensorFlow without need", flush=True)
for line in sys.stdin:
    folder = line.rstrip("\\n")
    with open(folder + "/inputs.pickle", "rb") as file:
        inputs = pickle.load(file)
    outputs = keras.saving.load_model(folder + "/model.keras")(inputs)
    with open(folder + "/outputs.pickle", "wb") as file:
        pickle.dump(keras.tree.map_structure(keras.ops.convert_to_numpy, outputs), file)
    print("read", flush=True)
"""


def check(make, inputs, tmp_path, without_gradient=(), tflite=False):
    """Runs the whole check, on the backend that is set; the saved model is read on every backend there is.

    Args:
        make: builds a model that has no random outputs outside training.
        inputs: an array, or a dictionary of arrays, two samples or more.
        without_gradient: ends of the paths of weights whose gradient is zero by mathematics.
        tflite: also run as TFLite, with its built-in operators alone; for a model of one input.
    """
    keras.utils.set_random_seed(0)
    model = make()
    expected = _arrays(model(inputs))
    _matches_the_declared_outputs(model, expected)
    _gradient_reaches_every_weight(model, inputs, without_gradient)
    model.save(tmp_path / "model.keras")
    (tmp_path / "inputs.pickle").write_bytes(pickle.dumps(inputs))
    for backend in BACKENDS:
        _assert_equal(read_elsewhere(backend, tmp_path), expected)
    if keras.backend.backend() == "tensorflow":
        _runs_when_exported(model, inputs, expected, tmp_path)
        if tflite:
            _runs_as_tflite(inputs, expected, tmp_path)
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
    outputs = [output for output in keras.tree.flatten(_arrays(model(inputs))) if output.dtype.kind == "f"]
    directions = [
        keras.ops.convert_to_tensor(generator.normal(size=output.shape).astype("float32")) for output in outputs
    ]
    gradients = _gradients(model, weights, inputs, directions) if weights else []
    for weight, gradient in zip(weights, gradients, strict=True):
        assert gradient is not None, f"no gradient reaches {weight.path}"
        size = np.abs(keras.ops.convert_to_numpy(gradient)).max()
        assert 0 < size < np.inf, f"the gradient of {weight.path} is {size}"


def _gradients(model, weights, inputs, directions):
    """Of the sum of all outputs, each weighed by its direction."""

    def loss(outputs):
        outputs = [output for output in keras.tree.flatten(outputs) if keras.backend.is_float_dtype(output.dtype)]
        return sum(keras.ops.sum(output * direction) for output, direction in zip(outputs, directions, strict=True))

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            total = loss(model(inputs))
        return tape.gradient(total, [weight.value for weight in weights])
    if keras.backend.backend() == "torch":
        import torch

        return torch.autograd.grad(loss(model(inputs)), [weight.value for weight in weights], allow_unused=True)
    import jax

    chosen = {id(weight) for weight in weights}
    trainable = [weight.value for weight in model.trainable_variables]
    fixed = [weight.value for weight in model.non_trainable_variables]
    found = jax.grad(lambda values: loss(model.stateless_call(values, fixed, inputs)[0]))(trainable)
    return [one for one, weight in zip(found, model.trainable_variables, strict=True) if id(weight) in chosen]


def read_elsewhere(backend, folder):
    """What `model.keras` in that folder gives for `inputs.pickle` beside it, in a fresh process of that backend."""
    reader, complaints = _reader(backend)
    reader.stdin.write(f"{folder}\n")
    reader.stdin.flush()
    if reader.stdout.readline() != "read\n":
        _reader.cache_clear()
        reader.wait()
        raise AssertionError(f"a fresh process with {backend} could not read the model:\n{complaints.read_text()}")
    return pickle.loads((folder / "outputs.pickle").read_bytes())


@functools.cache
def _reader(backend):
    """A process of its own that reads models, one a backend for all checks: TensorFlow takes seconds to import."""
    complaints = Path(tempfile.mkdtemp()) / "stderr"
    with complaints.open("w") as stderr:
        reader = subprocess.Popen(
            [sys.executable, "-c", _READER],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "KERAS_BACKEND": backend, **_JAX_CACHE},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert reader.stdout.readline() == "ready\n", complaints.read_text()
    return reader, complaints


def _runs_when_exported(model, inputs, expected, tmp_path):
    """The SavedModel gives the same, on one sample too."""
    import tensorflow as tf

    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    _assert_equal(exported.serve(inputs), expected)
    first = keras.tree.map_structure(lambda array: array[:1], (inputs, expected))
    _assert_equal(exported.serve(first[0]), first[1])


def _runs_as_tflite(inputs, expected, tmp_path):
    """Built-in operators only: those of TensorFlow convert as well, but no Python interpreter runs them any more."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "exported"))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
        run = tf.lite.Interpreter(model_content=converter.convert()).get_signature_runner()
    (name,) = run.get_input_details()
    found = run(**{name: inputs})
    # One output has a name of TFLite's own; several have those of the dictionary.
    if not isinstance(expected, dict):
        (found,) = found.values()
    _assert_equal(found, expected)


def _near(policy):
    """How far from float32 outputs may be, as a share of them."""
    # Processors without instructions for bfloat16 round partial sums too, where others keep them in float32.
    cpu = Path("/proc/cpuinfo")
    rounds_sums = cpu.is_file() and not any(one in cpu.read_text() for one in ("avx512_bf16", "amx_bf16"))
    return 0.1 if policy == "mixed_bfloat16" and rounds_sums else 0.03


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
        assert away < _near(policy), f"{policy} is {away:.0%} away from float32"

    keras.tree.map_structure(near, found, expected)
