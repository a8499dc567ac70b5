from keras import ops


def label_maps(y_true, y_pred, ignore_label: int | None) -> tuple:
    """Labels as one map a channel of the prediction, and where they are known.

    Args:
        y_true: whole numbers, `(batch, ...)` or `(batch, ..., 1)`, or maps in [0, 1] like the prediction,
            `(batch, ..., labels)`; `ignore_label` (in all channels of maps) where the voxel is not labelled.
        y_pred: `(batch, ..., labels)`; only its shape is read. With one channel, that of the foreground, the labels
            are its map: 0, 1 or between.

    Returns:
        maps: like `y_pred`, float32, one-hot; 0 in all channels where not known, and NaN where the label is one that
            the prediction has no channel for, so that a wrong mask is seen in the first loss.
        known: `(batch, ..., 1)`, bool.

    Raises:
        ValueError: labels that do not lie on the grid of the prediction.
    """
    received = f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
    if len(y_true.shape) == len(y_pred.shape) - 1:
        y_true = ops.expand_dims(y_true, -1)
    *sides, depth = y_true.shape
    *pred_sides, channels = y_pred.shape
    # Broadcasting would hide a mask of another size where a side is 1.
    same = len(sides) == len(pred_sides) and all(
        side == other or None in (side, other) for side, other in zip(sides, pred_sides, strict=True)
    )
    if not same or depth not in (1, channels):
        raise ValueError(
            f"for a prediction (batch, ..., labels) the labels are (batch, ...), (batch, ..., 1) or one-hot "
            f"(batch, ..., labels), on the same grid. {received}"
        )

    y_true = ops.cast(y_true, "float32")
    if ignore_label is None:
        known = ops.ones_like(y_true[..., :1], dtype="bool")
    else:
        known = ops.all(ops.not_equal(y_true, float(ignore_label)), axis=-1, keepdims=True)
    if depth == channels:
        maps = y_true
        valid = ops.all(ops.logical_and(maps >= 0, maps <= 1), axis=-1, keepdims=True)
    else:
        hits = ops.equal(y_true, ops.arange(channels, dtype="float32"))
        maps = ops.cast(hits, "float32")
        valid = ops.any(hits, axis=-1, keepdims=True)
    return ops.where(known, ops.where(valid, maps, float("nan")), 0.0), known
