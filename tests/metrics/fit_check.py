"""What every metric must stand inside a model."""

import keras
import numpy as np


def check(metrics, truth, inputs, activation, tmp_path):
    """Compiled, evaluated in both precisions, watched while fitting and reloaded; the last batch is smaller.

    Args:
        metrics: metrics with one number as a result that is better the higher.
        truth, inputs: 5 samples or more; `inputs` are logits, float32.
        activation: of the output.
    """
    for policy in ("float32", "mixed_float16"):
        model = _model(metrics, inputs, activation, policy, jit=policy == "float32")
        found = model.evaluate(inputs, truth, batch_size=4, verbose=0, return_dict=True)
        predictions = model.predict(inputs, verbose=0)
        for metric in metrics:
            alone = _copy(metric)
            alone.update_state(truth, predictions)
            assert 0 < float(alone.result()) < 1
            assert all(variable.dtype == "float32" for variable in alone.variables)
            np.testing.assert_allclose(found[metric.name], float(alone.result()), rtol=1e-5, err_msg=metric.name)

    stops = [keras.callbacks.EarlyStopping(metric.name, patience=5) for metric in metrics]
    model = _model(metrics, inputs, activation)
    model.fit(inputs, truth, batch_size=4, verbose=0, callbacks=stops)
    # That higher is better is known without being told.
    assert all(stop.monitor_op is keras.ops.greater for stop in stops)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    found, expected = (one.evaluate(inputs, truth, verbose=0, return_dict=True) for one in (loaded, model))
    assert found == expected


def _copy(metric):
    return type(metric).from_config(metric.get_config())


def _model(metrics, inputs, activation, policy="float32", jit=False):
    """Gives the inputs through the activation."""
    channels = inputs.shape[-1]
    model = keras.Sequential(
        [
            keras.Input(inputs.shape[1:]),
            keras.layers.Dense(channels, kernel_initializer="identity"),
            keras.layers.Activation(activation, dtype=policy),
        ]
    )
    loss = "sparse_categorical_crossentropy" if channels > 1 else "binary_crossentropy"
    # Compiled as on a GPU; torch's own compiler is too slow for a test.
    jit_compile = jit and keras.backend.backend() != "torch"
    model.compile(
        keras.optimizers.SGD(0.01), loss, metrics=[_copy(metric) for metric in metrics], jit_compile=jit_compile
    )
    return model
