"""Keras' optimizers with an update that knows kernels from gains, gathers gradients and runs on several devices."""

import keras
from keras import ops


class _UpdateStep:
    """Weight decay of kernels only, accumulation of gradients, and their running mean; over an optimizer of Keras.

    All of it happens where the optimizer updates one variable, which is behind the sum of the gradients over devices.
    Keras' own accumulation fails under `MirroredStrategy`, its own decay sees no L2.

    Args:
        decay: of kernels, as a share of them added to the gradient ("l2", as `torch.optim.Adam`), or with `decoupled`
            taken off the kernel, times the learning rate ("decoupled", as `torch.optim.AdamW`).
        accumulate: batches an update; it takes the mean of their gradients.
    """

    def __init__(self, *args, decay: float = 0.0, decoupled: bool = False, accumulate: int = 1, **kwargs):
        super().__init__(*args, **kwargs)
        self.decay, self.decoupled, self.accumulate = decay, decoupled, accumulate

    @property
    def iterations(self):
        """Updates so far. Schedules count batches: Keras gives them `_iterations`."""
        return ops.floor_divide(self._iterations, self.accumulate) if self.accumulate > 1 else self._iterations

    def build(self, variables) -> None:
        if self.built:
            return
        super().build(variables)
        self._decayed = [_is_kernel(variable) for variable in variables]
        if self.accumulate > 1:
            self._sums = self.add_optimizer_variables(variables, "gradient_sum")

    def update_step(self, gradient, variable, learning_rate) -> None:
        if self.accumulate == 1:
            self._update(gradient, variable, learning_rate)
            return
        total = self._sums[self._get_variable_index(variable)]
        self.assign_add(total, gradient)

        def update() -> None:
            self._update(ops.divide(total, self.accumulate), variable, learning_rate)
            self.assign(total, ops.zeros_like(total))

        ops.cond(self._is_update(), update, lambda: None)

    def _update(self, gradient, variable, learning_rate) -> None:
        if self.decay and self._decayed[self._get_variable_index(variable)]:
            share = ops.cast(self.decay, variable.dtype)
            if self.decoupled:
                rate = ops.cast(learning_rate, variable.dtype)
                self.assign_sub(variable, ops.multiply(variable, share * rate))
            else:
                gradient = ops.add(gradient, ops.multiply(variable, share))
        super().update_step(gradient, variable, learning_rate)

    def _is_update(self):
        return ops.equal((self._iterations + 1) % self.accumulate, 0)

    def _update_model_variables_moving_average(self, trainable_variables) -> None:
        # Keras moves the mean with every batch, also with those that update nothing.
        first = ops.equal(self.iterations, 0)
        moved = ops.where(self._is_update(), 1.0 - self.ema_momentum, 0.0)
        share = ops.where(first, 1.0, moved)
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            average.assign(average + ops.cast(share, variable.dtype) * (variable - average))

    def get_config(self) -> dict:
        own = {"decay": self.decay, "decoupled": self.decoupled, "accumulate": self.accumulate}
        return {**super().get_config(), **own}


def _is_kernel(variable: keras.Variable) -> bool:
    # From one channel to one, as in efficient channel attention, it acts as a gain.
    return variable.path.endswith("kernel") and tuple(variable.shape[-2:]) != (1, 1)


@keras.saving.register_keras_serializable("tfcovid")
class SGD(_UpdateStep, keras.optimizers.SGD):
    pass


@keras.saving.register_keras_serializable("tfcovid")
class Adam(_UpdateStep, keras.optimizers.Adam):
    pass


@keras.saving.register_keras_serializable("tfcovid")
class RMSprop(_UpdateStep, keras.optimizers.RMSprop):
    pass


OPTIMIZERS = {"sgd": SGD, "adam": Adam, "rmsprop": RMSprop}
