import keras

from tfcovid.config.recipes import Training
from tfcovid.errors import InputError
from tfcovid.training.loss_scale import LossScale
from tfcovid.training.update_step import OPTIMIZERS

schedules = keras.optimizers.schedules


def make_optimizer(training: Training, steps: int, epochs: int, learning_rate: float) -> keras.optimizers.Optimizer:
    """The optimizer of a stage or of one of its phases, with its schedule.

    Weight decay is of kernels alone. The running mean of the weights is in the optimizer until
    `finalize_variable_values` moves it into the network, which `fit` does at its end. With mixed_float16 the loss is
    scaled, and the optimizer proper is `inner_optimizer`; `compile` wraps it no further.

    Args:
        steps: batches in an epoch, whatever `training.accumulate` is: schedules count batches.
        epochs: of this phase, over which a cosine falls.
        learning_rate: of this phase.

    Raises:
        InputError: a warm-up that leaves no epoch of this phase.
    """
    optimizer = OPTIMIZERS[training.optimizer](
        _schedule(training, steps, epochs, learning_rate),
        **({"momentum": training.momentum} if training.optimizer == "sgd" else {}),
        decay=training.weight_decay,
        decoupled=training.decay == "decoupled",
        accumulate=training.accumulate,
        use_ema=training.ema > 0,
        ema_momentum=training.ema,
        ema_overwrite_frequency=None,
    )
    return LossScale(optimizer) if training.precision == "mixed_float16" else optimizer


def _schedule(training: Training, steps: int, epochs: int, rate: float) -> float | schedules.LearningRateSchedule:
    if training.drop:
        return schedules.ExponentialDecay(rate, training.drop.every * steps, training.drop.factor, staircase=True)
    if not training.cosine:
        return rate
    warm_up = round(training.cosine.warm_up * steps)
    if warm_up >= epochs * steps:
        raise InputError(
            f"cosine.warm_up: it takes all {epochs} epochs of a phase; make it shorter or the phase longer. "
            f"Received: {training.cosine.warm_up:g}"
        )
    return schedules.CosineDecay(
        0.0 if warm_up else rate,
        epochs * steps - warm_up,
        alpha=training.cosine.end,
        warmup_target=rate if warm_up else None,
        warmup_steps=warm_up,
    )
