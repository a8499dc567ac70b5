"""Training told to MLflow, for those who keep their runs there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from tfcovid.config import Config
from tfcovid.errors import InputError
from tfcovid.evaluation.list_runs import flat
from tfcovid.into_place import into_place

_PARAMETERS_AT_ONCE = 100  # MLflow takes no more


@contextmanager
def log_mlflow(
    experiment: str | None, config: Config, work: Path
) -> Iterator[Callable[[str], list[keras.callbacks.Callback]]]:
    """Logs the settings of a run, and its metrics after every epoch, as `<stage>/<metric>`.

    Where MLflow keeps them is its own affair: `MLFLOW_TRACKING_URI`. A run that goes on goes on there too. MLflow is
    imported only here, and only if asked for; it hears of a run when the first stage begins.

    Args:
        experiment: of MLflow, made if there is none of that name; None logs nothing.
        work: folder of the unfinished run; `mlflow_run.txt` in it will hold MLflow's name of the run.

    Yields:
        From the name of a stage to the callbacks that log it.

    Raises:
        InputError: MLflow is not installed, or its store does not answer.
    """
    if experiment is None:
        yield lambda stage: []
        return
    try:
        import mlflow
    except ModuleNotFoundError as error:
        raise InputError(
            f"MLflow is not installed: pip install mlflow, or train without --mlflow. Received: --mlflow {experiment}"
        ) from error
    try:
        client = mlflow.MlflowClient()
        client.get_experiment_by_name(experiment)
    except Exception as error:  # of MLflow, its database or the network: its stores share no class of errors
        raise InputError(
            f"MLflow does not answer; it is asked at {mlflow.get_tracking_uri()}, and MLFLOW_TRACKING_URI names "
            f"another place, such as sqlite:///mlflow.db. Received: {error}"
        ) from error
    run = _Run(client, experiment, config, work)
    status = "FAILED"
    try:
        yield lambda stage: [_LogEpochs(run, stage)]
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        if run.name:
            client.set_terminated(run.name, status)


class _Run:
    """A run of MLflow, made or found again when it is first needed."""

    def __init__(self, client: Any, experiment: str, config: Config, work: Path):
        self.client, self.experiment, self.config, self.work = client, experiment, config, work
        self.name: str | None = None

    def begin(self) -> None:
        note = self.work / "mlflow_run.txt"
        if self.name:
            return
        if note.is_file():
            self.name = note.read_text(encoding="utf-8")
            self.client.update_run(self.name, "RUNNING")
            return
        self.name = self._make()
        self.work.mkdir(parents=True, exist_ok=True)
        into_place(note, lambda path: path.write_text(self.name, encoding="utf-8"))

    def _make(self) -> str:
        from mlflow.entities import Param

        known = self.client.get_experiment_by_name(self.experiment)
        number = known.experiment_id if known else self.client.create_experiment(self.experiment)
        name = self.client.create_run(number, run_name=self.config.name).info.run_id
        parameters = [Param(key, str(value)) for key, value in flat(self.config.model_dump(mode="json")).items()]
        for first in range(0, len(parameters), _PARAMETERS_AT_ONCE):
            self.client.log_batch(name, params=parameters[first : first + _PARAMETERS_AT_ONCE])
        return name


class _LogEpochs(keras.callbacks.Callback):
    def __init__(self, run: _Run, stage: str):
        super().__init__()
        self.run, self.stage = run, stage

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.run.begin()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        for name, value in (logs or {}).items():
            self.run.client.log_metric(self.run.name, f"{self.stage}/{name}", float(value), step=epoch + 1)
