from keras import ops


def one_weight_a_sample(sample_weight):
    """The weights as float32 `(batch, 1)`, or `(1, 1)`.

    Raises:
        ValueError: weights that are neither one number, `(batch,)` nor `(batch, 1)`.
    """
    weight = ops.cast(1.0 if sample_weight is None else sample_weight, "float32")
    if len(weight.shape) > 2 or (len(weight.shape) == 2 and weight.shape[1] != 1):
        raise ValueError(
            "this metric takes one weight a sample, (batch,) or (batch, 1). "
            f"Received: sample_weight.shape={tuple(weight.shape)}"
        )
    return ops.reshape(weight, (-1, 1))
