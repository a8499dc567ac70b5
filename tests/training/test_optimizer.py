import subprocess
import sys

import keras
import numpy as np
import pytest

from tfcovid.config.recipes import Cosine, Drop, Training
from tfcovid.errors import InputError
from tfcovid.training.optimizer import make_optimizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 4)).astype("float32")
Y = (X[:, :1] * 2 + 1).astype("float32")


def recipe(**settings):
    return Training(**{"epochs": 4, "batch": 4, "learning_rate": 0.1, **settings})


def optimizer(steps=10, epochs=4, **settings):
    training = recipe(**settings)
    return make_optimizer(training, steps, epochs, training.learning_rate)


def rates(batches, **settings):
    """The learning rate of each of so many batches."""
    one = optimizer(**settings)
    weight = keras.Variable(np.ones(1))
    found = []
    for _ in range(batches):
        found.append(float(one.learning_rate))
        one.apply([keras.ops.ones(1)], [weight])
    return np.array(found)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_schedules_count_batches(accumulate):
    # As float32 holds them.
    assert rates(3, accumulate=accumulate) == pytest.approx([0.1] * 3, rel=1e-6)
    dropped = rates(25, drop=Drop(every=1, factor=0.1), accumulate=accumulate)
    assert dropped == pytest.approx([0.1] * 10 + [0.01] * 10 + [0.001] * 5, rel=1e-5)
    risen = rates(42, cosine=Cosine(warm_up=0.5, end=0.1), accumulate=accumulate)
    assert risen[:5] == pytest.approx([0, 0.02, 0.04, 0.06, 0.08], abs=1e-7)
    way = np.minimum(np.arange(37) / 35, 1)
    assert risen[5:] == pytest.approx(0.1 * (0.1 + 0.9 * (1 + np.cos(np.pi * way)) / 2), abs=1e-7)


def test_a_cosine_starts_at_the_learning_rate_without_a_warm_up():
    assert rates(41, cosine=Cosine())[[0, 20, 40]] == pytest.approx([0.1, 0.05, 0], abs=1e-7)


def test_a_warm_up_longer_than_the_phase_is_refused():
    with pytest.raises(InputError, match=r"cosine\.warm_up: it takes all 2 epochs"):
        optimizer(epochs=2, cosine=Cosine(warm_up=2))


@pytest.mark.parametrize(
    "kind, decay, peer, options",
    [
        ("sgd", "l2", "SGD", {"momentum": 0.9}),
        ("adam", "l2", "Adam", {}),
        ("adam", "decoupled", "AdamW", {}),
        ("rmsprop", "l2", "RMSprop", {"alpha": 0.9}),
    ],
)
def test_kernels_decay_as_in_torch_and_nothing_else_does(kind, decay, peer, options):
    torch = pytest.importorskip("torch")
    one = optimizer(optimizer=kind, decay=decay, weight_decay=0.3, learning_rate=0.05)
    start = {name: RNG.normal(size=shape) for name, shape in (("kernel", (3, 2)), ("bias", (2,)), ("gamma", (2,)))}
    ours = [keras.Variable(value, name=name) for name, value in start.items()]
    # Efficient channel attention's.
    start["eca"] = RNG.normal(size=(3, 1, 1))
    ours.append(keras.Variable(start["eca"], name="kernel"))
    theirs = [torch.nn.Parameter(torch.tensor(value)) for value in start.values()]
    groups = [{"params": theirs[:1], "weight_decay": 0.3}, {"params": theirs[1:], "weight_decay": 0.0}]
    their = getattr(torch.optim, peer)(groups, lr=0.05, **options)
    for _ in range(6):
        gradients = [RNG.normal(size=value.shape) for value in start.values()]
        one.apply([keras.ops.convert_to_tensor(g, "float32") for g in gradients], ours)
        for parameter, gradient in zip(theirs, gradients, strict=True):
            parameter.grad = torch.tensor(gradient)
        their.step()
    for our, parameter in zip(ours, theirs, strict=True):
        # Their epsilons stand in other places.
        np.testing.assert_allclose(our.numpy(), parameter.detach().numpy(), atol=5e-5)


def model_of(**settings):
    keras.utils.set_random_seed(1)
    training = recipe(**settings)
    keras.config.set_dtype_policy(training.precision)
    try:
        network = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, dtype="float32")]
        )
        one = make_optimizer(training, 16 // training.batch, training.epochs, training.learning_rate)
        network.compile(one, "mse", jit_compile=False)
    finally:
        keras.config.set_dtype_policy("float32")
    return network


def fitted(epochs=2, **settings):
    network = model_of(**settings)
    network.fit(X, Y, batch_size=settings["batch"], epochs=epochs, shuffle=False, verbose=0)
    return np.concatenate([weight.ravel() for weight in network.get_weights()])


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_gathered_gradients_equal_one_large_batch(kind):
    # With the running mean, whose weights `fit` leaves behind: it too moves with updates only.
    how = {"optimizer": kind, "learning_rate": 0.01, "weight_decay": 0.1, "decay": "decoupled", "ema": 0.5}
    once = fitted(batch=8, **how)
    np.testing.assert_allclose(fitted(batch=4, accumulate=2, **how), once, atol=1e-6)
    assert np.abs(fitted(batch=4, **how) - once).max() > 1e-3


def test_the_running_mean_is_kept_beside_the_weights_until_the_end():
    one = optimizer(ema=0.9, optimizer="sgd", momentum=0.0)
    weight = keras.Variable(np.array([1.0]))
    seen = []
    for _ in range(3):
        one.apply([keras.ops.ones(1)], [weight])
        seen.append(weight.numpy()[0])
    assert seen == pytest.approx([0.9, 0.8, 0.7])
    one.finalize_variable_values([weight])
    assert weight.numpy()[0] == pytest.approx(0.9**2 * 0.9 + 0.1 * 0.9 * 0.8 + 0.1 * 0.7)


def state(network):
    return {variable.path: variable.numpy() for variable in network.optimizer.variables}


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_a_saved_optimizer_goes_on_where_it_was(precision, tmp_path):
    how = {"optimizer": "adam", "batch": 4, "accumulate": 3, "ema": 0.9, "weight_decay": 0.1, "precision": precision}
    first, second = model_of(**how), model_of(**how)
    first.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)  # 8 batches: the gradients of 2 are waiting
    first.save_weights(tmp_path / "x.weights.h5")
    second.optimizer.build(second.trainable_variables)
    second.load_weights(tmp_path / "x.weights.h5")
    saved, loaded = state(first), state(second)
    # The count, the rate and, of four weights each: the mean, the gathered gradients, two moments; the scale has four.
    assert len(saved) == len(loaded) == 2 + 4 * 4 + (4 if precision == "mixed_float16" else 0)
    for mine, yours in zip(saved.values(), loaded.values(), strict=True):
        np.testing.assert_array_equal(mine, yours)
    assert any("gradient_sum" in path and np.any(value) for path, value in loaded.items())
    for network in (first, second):
        network.fit(X, Y, batch_size=4, epochs=1, shuffle=False, verbose=0)
    for mine, yours in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, yours)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_an_optimizer_is_read_back_from_its_config(precision):
    one = optimizer(optimizer="adam", weight_decay=0.1, accumulate=2, cosine=Cosine(warm_up=1), precision=precision)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(one))
    assert type(again) is type(one) and again.get_config() == one.get_config()


def test_a_float16_step_is_scaled_and_skipped_where_it_overflows():
    network = model_of(batch=4, precision="mixed_float16", optimizer="adam")
    assert type(network.optimizer).__name__ == "LossScale"  # of ours: compile has not wrapped it again
    before = network.get_weights()
    network.fit(np.where(np.arange(16)[:, None] == 2, np.inf, X), Y, batch_size=16, epochs=1, verbose=0)
    np.testing.assert_array_equal(network.get_weights()[0], before[0])
    assert float(network.optimizer.dynamic_scale.numpy()) == 2.0**14
    loss = network.fit(X, Y, batch_size=4, epochs=8, verbose=0).history["loss"]
    assert loss[-1] < loss[0] / 2
    assert {weight.dtype for weight in network.get_weights()} == {np.dtype("float32")}


_TWO = """
import sys
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.training.test_optimizer import X, fitted, model_of, Y
two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
how = dict(optimizer="adam", learning_rate=0.01, batch=4, accumulate=2, weight_decay=0.1, ema=0.5)
one = fitted(**how)
with two.scope():
    np.testing.assert_allclose(fitted(**how), one, atol=1e-6)
for row in (0, 8):  # the first device's half of the batch, the second's
    with two.scope():
        network = model_of(precision="mixed_float16", momentum=0.0)
    before = network.get_weights()[0]
    network.fit(np.where(np.arange(16)[:, None] == row, np.inf, X), Y, batch_size=16, epochs=1, verbose=0)
    np.testing.assert_array_equal(network.get_weights()[0], before)
"""


def test_two_devices_update_as_one_and_either_can_overflow():
    done = subprocess.run([sys.executable, "-c", _TWO], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
