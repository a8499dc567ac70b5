"""One stage of training: a plain Keras `fit` that can be killed at any moment and goes on with the same result."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import keras
import tensorflow as tf

from tfcovid.config.recipes import Phase, Training
from tfcovid.data.input_wait import InputWait
from tfcovid.errors import InputError
from tfcovid.networks import freeze
from tfcovid.training.fitting_batch import fitting_batch
from tfcovid.training.interrupt import interruptible
from tfcovid.training.keeper import KEPT, Keeper, last_checkpoint
from tfcovid.training.optimizer import make_optimizer
from tfcovid.training.report_progress import ReportProgress


@dataclass(frozen=True)
class Stage:
    """What is to be trained, and how.

    Attributes:
        name: "slice" or "patient", whose recipe is `<name>_training` in the config; or "segment", of a segmenter.
        build: makes the training graph, not compiled.
        batches: from the first epoch to run to the batches of all epochs left.
        validation: batches that are the same in every epoch, or None.
        steps: batches in an epoch.
        losses, metrics: as `keras.Model.compile` takes them, by output; made anew at every call, since Keras does not
            let two compilations share metrics.
        network: from the training graph to the network of which phases freeze a part.
        strategy: where several devices train together, the scope they need.
        callbacks: further ones.
    """

    name: str
    title: str
    training: Training
    build: Callable[[], keras.Model]
    batches: Callable[[int], tf.data.Dataset]
    validation: tf.data.Dataset | None
    steps: int
    losses: Callable[[], dict | str]
    metrics: Callable[[], dict | list]
    phases: Sequence[Phase] = ()
    network: Callable[[keras.Model], keras.Model] | None = None
    strategy: tf.distribute.Strategy | None = None
    callbacks: Sequence[keras.callbacks.Callback] = field(default=())


def fit_stage(stage: Stage, folder: Path, progress: bool = False) -> keras.Model:
    """Trains and returns the training graph, not compiled and in float32, with the weights to keep.

    After each epoch the weights, the optimizer and the log are written to `folder`; a run that finds them goes on
    behind them. As the batches of an epoch depend on its number alone, it ends with the weights of a run that was never
    stopped. Ctrl-C finishes the step and writes down where it stopped within the epoch.

    Raises:
        InputError: a loss that is no number, or a batch too large for the memory.
        KeyboardInterrupt: after Ctrl-C, when all is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    training, scope = stage.training, stage.strategy.scope if stage.strategy else nullcontext
    keeper = Keeper(folder, stage.name, training)
    several = stage.strategy is not None and stage.strategy.num_replicas_in_sync > 1
    bar = ReportProgress(stage.title, training, stage.steps, progress, None if several else InputWait())
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(training.precision)
    try:
        with scope():
            model = stage.build()
            if several:
                _synchronise(model)
        with interruptible() as keeper.interrupt:
            _fit_phases(stage, model, keeper, bar, folder, scope)
        if keeper.interrupt.asked:  # in the last moments, when there was nothing left to stop
            raise KeyboardInterrupt
    finally:
        bar.on_train_end()
        keras.config.set_dtype_policy(before)
    kept = stage.build()
    kept.load_weights(folder / KEPT)
    return kept


def _fit_phases(
    stage: Stage,
    model: keras.Model,
    keeper: Keeper,
    bar: ReportProgress,
    folder: Path,
    scope: Callable[[], AbstractContextManager],
) -> None:
    training = stage.training
    first = 0
    board = keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)
    for phase in stage.phases or (Phase(epochs=training.epochs),):
        last = first + phase.epochs
        found = last_checkpoint(folder)
        epoch, step = (found.epoch, found.step) if found else (0, 0)
        if epoch < last and not keeper.exhausted:
            with scope():
                begins = (epoch, step) == (first, 0)
                if found and begins:
                    model.load_weights(found.path)
                if stage.phases:
                    freeze(stage.network(model), None if phase.heads_only else phase.freeze)
                _compile(stage, model, phase)
                if not begins:
                    found.restore(model)
            callbacks = [bar, board, *stage.callbacks, keeper]
            if step:
                # What is left of the epoch in which the run was stopped.
                keeper.resume(found)
                rest = stage.batches(epoch).skip(step).take(stage.steps - step)
                _fit(stage, model, rest, stage.steps - step, epoch, epoch + 1, callbacks, bar.wait)
                epoch += 1
                # At the end of a fit Keras puts the running mean in place of the weights.
                last_checkpoint(folder).restore(model)
            if epoch < last and not keeper.exhausted:
                _fit(stage, model, stage.batches(epoch), stage.steps, epoch, last, callbacks, bar.wait)
        first = last


def _fit(stage: Stage, model, data, steps: int, epoch: int, last: int, callbacks: list, wait) -> None:
    try:
        model.fit(
            wait.apply(data) if wait else data,
            validation_data=stage.validation,
            steps_per_epoch=steps,
            initial_epoch=epoch,
            epochs=last,
            callbacks=callbacks,
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )
    except tf.errors.ResourceExhaustedError as error:
        batch = stage.training.batch
        fits = fitting_batch(model, data.element_spec, batch)
        key = "training" if stage.name == "segment" else f"{stage.name}_training"
        advice = (
            f"{fits} would fit: {key}.batch={fits}; with {key}.accumulate="
            f"{-(-batch // fits) * stage.training.accumulate} the weights change as seldom as before"
            if fits
            else "not even one sample fits; take a smaller crop.size, network.size or patch, or a smaller network"
        )
        raise InputError(f"out of memory at a batch of {batch}: {advice}. Received: {error.message[:200]}") from error


def _compile(stage: Stage, model: keras.Model, phase: Phase) -> None:
    rate = phase.learning_rate or stage.training.learning_rate
    optimizer = make_optimizer(stage.training, stage.steps, phase.epochs, rate)
    # Without XLA: it is slower on CPUs, and Keras leaves it out of deterministic runs anyway.
    model.compile(optimizer, stage.losses(), weighted_metrics=stage.metrics(), jit_compile=False)


def _synchronise(model: keras.Model) -> None:
    """Batch norms see the whole batch on all devices, as on one, and not each device its share."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _synchronise(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
