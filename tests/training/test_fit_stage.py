import csv
import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfcovid.config.schema import Training
from tfcovid.training.fit_stage import compile_for, fit_stage

STEPS = 3


class Stopped(Exception):
    pass


def stage(**changes):
    return Training(**{"epochs": 3, "batch": 4, "learning_rate": 0.05, "drop": {"every": 2}, "keep": "last"} | changes)


def fit(folder, training, validated=True):
    """Trains a network with a random layer on batches that depend on the epoch."""

    def build():
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dropout(0.5, seed=3), keras.layers.Dense(1)]
        )
        return compile_for(model, training, STEPS, "mse", ["mae"])

    def batch(number):
        x = tf.random.stateless_uniform((training.batch, 4), tf.stack([number, 7]))
        return x, tf.reduce_sum(x, axis=1, keepdims=True)

    def batches(first_epoch):
        return tf.data.Dataset.range(first_epoch * STEPS, training.epochs * STEPS).map(batch)

    keras.utils.set_random_seed(1)
    validation = tf.data.Dataset.range(1000, 1002).map(batch) if validated else None
    return fit_stage(build, batches, validation, STEPS, training, folder, "Test")


def weights(model):
    return np.concatenate([weight.numpy().ravel() for weight in model.trainable_weights])


def rows(folder):
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return weights(fit(folder, stage())), rows(folder)


def test_a_run_stopped_at_every_write_ends_with_the_same_weights_and_log(whole, tmp_path, monkeypatch):
    module = importlib.import_module("tfcovid.training.fit_stage")
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
    for _ in range(20):
        try:
            model = fit(tmp_path, stage())
            break
        except Stopped:
            stops.append([path.name for path in tmp_path.glob("epoch-*.keras")])
    assert len(stops) >= 7 and ["epoch-00002.keras"] in stops
    np.testing.assert_array_equal(weights(model), whole[0])
    assert rows(tmp_path) == whole[1]


def test_a_finished_run_is_taken_as_it_is(whole, tmp_path):
    fit(tmp_path, stage())
    before = (tmp_path / "epoch-00003.keras").stat().st_mtime_ns
    np.testing.assert_array_equal(weights(fit(tmp_path, stage())), whole[0])
    assert (tmp_path / "epoch-00003.keras").stat().st_mtime_ns == before


def test_the_best_epoch_is_kept_or_the_last_as_wanted(tmp_path):
    growing = {"learning_rate": 0.07, "drop": None}
    best = fit(tmp_path / "best", stage(**growing, keep="best"))
    losses = [float(row["val_loss"]) for row in rows(tmp_path / "best")]
    assert min(losses) < losses[-1]  # or there would be nothing to choose
    short = fit(tmp_path / "short", stage(**growing, epochs=1 + int(np.argmin(losses))))
    last = fit(tmp_path / "last", stage(**growing))
    np.testing.assert_array_equal(weights(best), weights(short))
    assert not np.array_equal(weights(last), weights(best))


def test_without_validation_the_last_epoch_is_kept(tmp_path):
    model = fit(tmp_path, stage(epochs=2, keep="best"), validated=False)
    assert "val_loss" not in rows(tmp_path)[0] and not (tmp_path / "best.keras").exists()
    last = keras.saving.load_model(tmp_path / "epoch-00002.keras")
    np.testing.assert_array_equal(weights(model), weights(last))


def test_the_learning_rate_drops_after_whole_epochs():
    training = stage(learning_rate=0.1, drop={"every": 2, "factor": 0.5}, optimizer="adam")
    model = compile_for(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), training, 10, "mse", [])
    rate = model.optimizer._learning_rate
    assert [float(rate(step)) for step in (0, 19, 20, 39, 40)] == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])
