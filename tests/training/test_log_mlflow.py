import sys
from types import ModuleType, SimpleNamespace

import keras
import numpy as np
import pytest

from tfcovid.config import load_config
from tfcovid.errors import InputError
from tfcovid.training.log_mlflow import log_mlflow


@pytest.fixture
def config():
    return load_config("demo")


def fit(callbacks):
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse", jit_compile=False)
    network.fit(np.ones((2, 1)), np.ones((2, 1)), epochs=2, callbacks=callbacks, verbose=0)
    return network.history.history["loss"]


def test_nothing_is_imported_unless_asked_for(config, tmp_path):
    with log_mlflow(None, config, tmp_path) as callbacks:
        assert callbacks("slice") == []
    assert "mlflow" not in sys.modules and not list(tmp_path.iterdir())


def test_asked_for_and_not_installed_is_told(config, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InputError, match="pip install mlflow"), log_mlflow("chest", config, tmp_path):
        pass


def test_settings_and_epochs_are_logged_and_a_run_goes_on(config, tmp_path, monkeypatch):
    """MLflow's client as far as it is used; the real one is tried below where it is installed."""
    seen = SimpleNamespace(parameters={}, metrics=[], states=[])

    class Client:
        def get_experiment_by_name(self, name):
            return None

        def create_experiment(self, name):
            return f"{name}'s number"

        def create_run(self, number, run_name):
            assert (number, run_name) == ("chest's number", "demo")
            return SimpleNamespace(info=SimpleNamespace(run_id="the run"))

        def log_batch(self, run, params):
            seen.parameters |= dict(params)

        def log_metric(self, run, key, value, step):
            seen.metrics.append((run, key, value, step))

        def update_run(self, run, status):
            seen.states.append((run, status))

        def set_terminated(self, run, status):
            seen.states.append((run, status))

    mlflow, entities = ModuleType("mlflow"), ModuleType("mlflow.entities")
    mlflow.MlflowClient, mlflow.entities = Client, entities
    entities.Param = lambda key, value: (key, value)
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)

    with pytest.raises(KeyboardInterrupt), log_mlflow("chest", config, tmp_path / "work") as callbacks:
        losses = fit(callbacks("slice"))
        raise KeyboardInterrupt
    with log_mlflow("chest", config, tmp_path / "work") as callbacks:
        fit(callbacks("patient"))
    with log_mlflow("chest", config, tmp_path / "another"):
        pass  # never came to train
    assert seen.parameters["slice_net.kind"] == "m3lung" and seen.parameters["crop.size"] == "[128, 128]"
    assert seen.metrics[:2] == [("the run", "slice/loss", loss, n) for n, loss in enumerate(losses, 1)]
    assert [metric[1] for metric in seen.metrics[2:]] == ["patient/loss"] * 2
    assert seen.states == [("the run", "KILLED"), ("the run", "RUNNING"), ("the run", "FINISHED")]


def test_a_local_store_of_mlflow_holds_the_run(config, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    for _ in range(2):
        with log_mlflow("chest", config, tmp_path / "work") as callbacks:
            losses = fit(callbacks("patient"))
    client = mlflow.MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("chest").experiment_id])
    assert run.info.status == "FINISHED" and run.info.run_name == "demo"
    assert run.data.params["patient_net.kind"] == "multi_scale"
    history = client.get_metric_history(run.info.run_id, "patient/loss")
    assert [one.step for one in history] == [1, 2, 1, 2]
    assert history[-1].value == pytest.approx(losses[-1])


def test_a_store_that_does_not_answer_is_told(config, tmp_path, monkeypatch):
    def client():
        raise OSError("nobody there")

    mlflow = ModuleType("mlflow")
    mlflow.MlflowClient, mlflow.get_tracking_uri = client, lambda: "http://nowhere"
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    with pytest.raises(InputError, match=r"http://nowhere.*Received: nobody there"), log_mlflow("a", config, tmp_path):
        pass
