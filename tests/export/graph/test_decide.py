import numpy as np
import tensorflow as tf

from tfcovid.config import load_config
from tfcovid.export.graph.decide import decide


def test_the_rule_of_the_config_decides(tiny):
    two = tiny.model_copy(update={"labels": ("a", "b"), "threshold": 0.3})
    rule = load_config("demo", ["patient_net={kind: nonparametric, threshold: 0.5}"])
    for config, probabilities in ((two, 2), (tiny, 4), (rule, 4)):
        rng, called = np.random.default_rng(0), set()
        for row in [*rng.dirichlet(np.ones(probabilities), 30).astype("float32"), np.eye(probabilities, dtype="f4")[0]]:
            called.add(config.decide(row))
            assert int(decide(config, tf.constant(row))) == config.decide(row)
        assert len(called) == probabilities
    assert int(decide(two, tf.constant([0.7, 0.3]))) == two.decide(np.float32([0.7, 0.3]))
