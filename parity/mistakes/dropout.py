"""Dropout."""

from parity.mistakes.mistake import Mistake

MISTAKES = (
    Mistake("dropout-unscaled", "stack:_drop", "series / (1 - p) if p < 1 else series", "series", "no 1/(1 - p)"),
    Mistake(
        "dropout-scaled-by-p",
        "stack:_drop",
        "series / (1 - p) if p < 1",
        "series / p if p < 1",
        "1/p for 1/(1 - p): right at p = 1/2",
    ),
    Mistake(
        "dropout-unmasked-backward",
        "stack:backward",
        "_drop(d_series, _mask_above(batch.masks, layer, L), batch.p)",
        "d_series",
        "the mask forgotten on the way back",
    ),
    Mistake(
        "dropout-unscaled-backward",
        "stack:backward",
        "_mask_above(batch.masks, layer, L), batch.p)",
        "_mask_above(batch.masks, layer, L), 0.0)",
        "masked, but not scaled, on the way back",
    ),
    Mistake(
        "dropout-fresh-mask-backward",
        "stack:backward",
        "_mask_above(batch.masks, layer, L), batch.p)",
        "_mask_above(None if batch.masks is None else batch.masks[:, ::-1], layer, L), batch.p)",
        "another mask on the way back",
    ),
    Mistake(
        "dropout-one-mask-for-all-steps",
        "stack:_mask_above",
        "masks[layer]",
        "np.broadcast_to(masks[layer][:1], masks[layer].shape)",
        "one mask for all steps",
    ),
    Mistake(
        "dropout-mask-of-another-layer",
        "stack:_mask_above",
        "masks[layer]",
        "masks[L - 2 - layer]",
        "seen with three layers",
    ),
    Mistake(
        "dropout-on-the-last-layer",
        "stack:_mask_above",
        "masks[layer] if masks is not None and layer < L - 1",
        "masks[min(layer, L - 2)] if masks is not None",
        "the output is dropped out too",
    ),
)
