from keras import ops


def one_weight_a_sample(sample_weight) -> None:
    """Refuses weights of voxels, which Keras would broadcast against the losses `(batch,)` of the samples.

    Raises:
        ValueError: weights that are neither one number, `(batch,)` nor `(batch, 1)`.
    """
    shape = () if sample_weight is None else tuple(ops.convert_to_tensor(sample_weight).shape)
    if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
        raise ValueError(
            "this loss takes one weight a sample, (batch,) or (batch, 1); to leave voxels out, give them the "
            f"ignore_label. Received: sample_weight.shape={shape}"
        )
