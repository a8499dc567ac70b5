import keras
import numpy as np

from tfcovid.config import Config

LONGEST = 2048  # slices; no chest CT has as many


def tflite_draws(config: Config) -> np.ndarray | None:
    """The random numbers that `System` draws slices by for a patient network which reads a fixed number of them.

    `(draws, windows * LONGEST)` float32; of a scan of n slices the first windows * n count, as `(windows, n)`: the
    generator goes by place. None where nothing is drawn, or by NumPy's generator, which there is everywhere.
    """
    settings = config.patient_net
    if not config.trains_patients or getattr(settings, "draws", 1) == 1:
        return None
    count = len(config.window.predict) * LONGEST
    seeds = range(config.seed, config.seed + settings.draws)
    return np.stack([keras.ops.convert_to_numpy(keras.random.uniform((count,), seed=seed)) for seed in seeds])
