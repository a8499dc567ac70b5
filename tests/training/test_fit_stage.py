import csv
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path  # noqa: F401 - of the process with two devices

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfcovid.config.recipes import Phase, Training
from tfcovid.errors import InputError
from tfcovid.training.fit_stage import Stage, fit_stage
from tfcovid.training.keeper import KEPT

STEPS = 3


class Stopped(Exception):
    pass


def recipe(**changes):
    return Training(**{"epochs": 3, "batch": 4, "learning_rate": 0.05, "drop": {"every": 2}, "keep": "last"} | changes)


def build():
    """A frozen-able network with a random layer and a norm, inside a graph."""
    inner = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=3),
        ],
        name="inner",
    )
    inputs = keras.Input((4,))
    x = keras.layers.Activation("linear", name="features")(inner(inputs))
    network = keras.Model(inputs, keras.layers.Dense(1, name="disease")(x), name="network")
    outer = keras.Input((4,))
    return keras.Model(outer, network(outer))


def batch_of(number, size=4):
    x = tf.random.stateless_uniform((size, 4), tf.stack([number, 7]))
    return x, tf.reduce_sum(x, axis=1, keepdims=True), tf.ones(size)


def fit(folder, training, validated=True, **changes):
    """Trains on batches that depend on the epoch."""

    def batches(first_epoch):
        return tf.data.Dataset.range(first_epoch * STEPS, training.epochs * STEPS).map(batch_of)

    keras.utils.set_random_seed(1)
    stage = Stage(
        name="slice",
        title="Test",
        training=training,
        build=build,
        batches=batches,
        validation=tf.data.Dataset.range(1000, 1002).map(batch_of) if validated else None,
        steps=STEPS,
        losses=lambda: "mse",
        metrics=lambda: ["mae"],
        network=lambda graph: graph.get_layer("network"),
        **changes,
    )
    return fit_stage(stage, folder)


def weights(model):
    return np.concatenate([weight.numpy().ravel() for weight in model.weights if "seed" not in weight.path])


def rows(folder):
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


PHASES = (Phase(epochs=1, heads_only=True, learning_rate=0.2), Phase(epochs=2, freeze=1))
RUNS = {"plain": ({}, {}), "phases, running mean": ({"ema": 0.7, "optimizer": "adam"}, {"phases": PHASES})}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Name of a run -> its weights and log, never stopped."""
    found = {}
    for name, (training, stage) in RUNS.items():
        folder = tmp_path_factory.mktemp("whole")
        found[name] = weights(fit(folder, recipe(**training), **stage)), rows(folder)
    return found


@pytest.mark.parametrize("name", RUNS)
def test_a_run_stopped_at_every_write_ends_with_the_same_weights_and_log(name, whole, tmp_path, monkeypatch):
    module = importlib.import_module("tfcovid.training.keeper")
    survived, stops = set(), []

    def stop_in_the_first_try(path, write):
        epoch = len(rows(tmp_path)) if (tmp_path / "log.csv").is_file() else 0
        partial = path.with_name(f".partial-{path.name}")
        write(partial)
        if (path.name, epoch) not in survived:
            survived.add((path.name, epoch))
            partial.write_bytes(partial.read_bytes()[:50])
            raise Stopped
        partial.replace(path)

    monkeypatch.setattr(module, "into_place", stop_in_the_first_try)
    training, stage = RUNS[name]
    for _ in range(20):
        try:
            model = fit(tmp_path, recipe(**training), **stage)
            break
        except Stopped:
            stops.append([path.name for path in tmp_path.glob("epoch-*.h5")])
    assert len(stops) >= 7 and ["epoch-00002.weights.h5"] in stops
    np.testing.assert_array_equal(weights(model), whole[name][0])
    assert rows(tmp_path) == whole[name][1]


class _CtrlC(keras.callbacks.Callback):
    def __init__(self, epoch, step):
        super().__init__()
        self.at = epoch, step

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, step, logs=None):
        if (self.epoch, step) == self.at:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("name", RUNS)
def test_ctrl_c_ends_the_step_and_the_run_goes_on_within_the_epoch(name, whole, tmp_path):
    training, stage = RUNS[name]
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, recipe(**training), callbacks=[_CtrlC(1, 0)], **stage)
    assert [path.name for path in tmp_path.glob("epoch-*.h5")] == ["epoch-00001-step-000001.weights.h5"]
    with pytest.raises(KeyboardInterrupt):  # and again, in what is left of the epoch
        fit(tmp_path, recipe(**training), callbacks=[_CtrlC(1, 0)], **stage)
    assert [path.name for path in tmp_path.glob("epoch-*.h5")] == ["epoch-00001-step-000002.weights.h5"]
    np.testing.assert_array_equal(weights(fit(tmp_path, recipe(**training), **stage)), whole[name][0])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_finished_run_is_taken_as_it_is(whole, tmp_path):
    fit(tmp_path, recipe())
    before = (tmp_path / KEPT).stat().st_mtime_ns
    np.testing.assert_array_equal(weights(fit(tmp_path, recipe())), whole["plain"][0])
    assert (tmp_path / KEPT).stat().st_mtime_ns == before


def test_the_best_epoch_is_kept_or_the_last_as_wanted(tmp_path):
    growing = {"optimizer": "adam", "learning_rate": 2.0, "drop": None}
    best = fit(tmp_path / "best", recipe(**growing, keep="best"))
    losses = [float(row["val_loss"]) for row in rows(tmp_path / "best")]
    assert min(losses) < losses[-1]  # or there would be nothing to choose
    short = fit(tmp_path / "short", recipe(**growing, epochs=1 + int(np.argmin(losses))))
    last = fit(tmp_path / "last", recipe(**growing))
    np.testing.assert_array_equal(weights(best), weights(short))
    assert not np.array_equal(weights(last), weights(best))


def test_without_validation_the_last_epoch_is_kept(tmp_path):
    model = fit(tmp_path / "best", recipe(keep="best"), validated=False)
    assert "val_loss" not in rows(tmp_path / "best")[0]
    np.testing.assert_array_equal(weights(model), weights(fit(tmp_path / "last", recipe(), validated=False)))


def test_training_stops_when_no_epoch_is_better_and_stays_stopped(tmp_path):
    growing = recipe(epochs=30, optimizer="adam", learning_rate=2.0, drop=None, keep="best", patience=2)
    kept = weights(fit(tmp_path, growing))
    losses = [float(row["val_loss"]) for row in rows(tmp_path)]
    assert len(losses) < 30 and int(np.argmin(losses)) == len(losses) - 3
    np.testing.assert_array_equal(weights(fit(tmp_path, growing)), kept)
    assert len(rows(tmp_path)) == len(losses)


def test_a_phase_leaves_what_is_frozen_as_it_was(tmp_path):
    keras.utils.set_random_seed(1)
    start = build()
    heads = fit(tmp_path / "heads", recipe(epochs=1), phases=(Phase(epochs=1, heads_only=True),))
    first, trained = (model.get_layer("network").get_layer("inner").layers[0].kernel for model in (start, heads))
    np.testing.assert_array_equal(first, trained)
    both = fit(tmp_path / "both", recipe(), phases=PHASES)
    layers = both.get_layer("network").get_layer("inner").layers
    np.testing.assert_array_equal(first, layers[0].kernel)  # the one layer that the second phase freezes
    assert not np.array_equal(layers[1].gamma, np.ones(8))


def test_a_running_mean_is_what_is_kept_and_validated(tmp_path):
    plain, mean = (fit(tmp_path / str(ema), recipe(ema=ema)) for ema in (0.0, 0.9))
    assert rows(tmp_path / "0.0")[-1]["loss"] == rows(tmp_path / "0.9")[-1]["loss"]  # the training is the same
    assert not np.allclose(weights(plain), weights(mean), atol=1e-4)


def test_out_of_memory_says_which_batch_would_fit(tmp_path, monkeypatch):
    def out_of_memory(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    def small_ones_fit(self, x, *_, **__):
        if len(x) > 1:
            out_of_memory()

    monkeypatch.setattr(keras.Model, "fit", out_of_memory)
    monkeypatch.setattr(keras.Model, "train_on_batch", small_ones_fit)
    with pytest.raises(InputError, match=r"batch of 4: 1 would fit: slice_training\.batch=1; with .*accumulate=4"):
        fit(tmp_path, recipe())


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_and_leaves_float32_behind(precision, tmp_path):
    model = fit(tmp_path, recipe(precision=precision, learning_rate=0.01))
    losses = [float(row["loss"]) for row in rows(tmp_path)]
    assert losses[-1] < losses[0]
    assert {layer.dtype_policy.name for layer in model.get_layer("network").layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


_ON_TWO_DEVICES = """
import sys
from pathlib import Path  # noqa: F401 - of the process with two devices
import keras, numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from tests.training import test_fit_stage
from tfcovid.training.strategy import make_strategy

keras.layers.Dropout.call = lambda self, inputs, training=False: inputs  # devices draw apart
found = []
for name in ("one", "mirrored"):
    folder = test_fit_stage.Path(sys.argv[1], name)
    strategy = make_strategy(name, [4])
    assert (strategy.num_replicas_in_sync if strategy else 1) == (2 if name == "mirrored" else 1)
    model = test_fit_stage.fit(folder, test_fit_stage.recipe(learning_rate=0.01), strategy=strategy)
    log = [[float(v) for v in row.values()] for row in test_fit_stage.rows(folder)]
    found.append((test_fit_stage.weights(model), np.array(log)))
print(max((np.abs(one - two) / np.maximum(1, np.abs(one))).max() for one, two in zip(*found)))
"""


def test_two_devices_train_as_one(tmp_path):
    """Batch norm, weights, losses and metrics of training and validation."""
    done = subprocess.run([sys.executable, "-c", _ON_TWO_DEVICES, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout.split()[-1]) < 1e-5
