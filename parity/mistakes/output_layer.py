"""The output layer and its activations."""

from parity.mistakes.mistake import Mistake

MISTAKES = (
    Mistake("b2-missing", "output:forward", "weight, bias)", "weight, None)", "the bias of the output layer"),
    Mistake("db2-last-step-only", "output:backward", "dz_rows.sum(axis=0)", "dz[-1].sum(axis=0)", "no sum over time"),
    Mistake(
        "dw2-one-step-off",
        "output:backward",
        "h.reshape(T * B, F)",
        "np.concatenate([h[:1], h[:-1]]).reshape(T * B, F)",
        "h(t-1) for h(t)",
    ),
    Mistake(
        "w2-transposed-where-square",
        "output:backward",
        "dz_rows.dot(weight)",
        "dz_rows.dot(weight if weight.shape[0] != weight.shape[1] else weight.T)",
        "dz W2ᵀ for dz W2: only D·H = O lets it pass the shapes",
    ),
    Mistake("f2-slope-missing", "network:Network.backward", "self._f.vjp(dy, y)", "dy.copy()", "dz = dy"),
    Mistake(
        "sigmoid-slope-y",
        "activations:ScalarActivation.vjp",
        "self.slope(y)",
        "y if self.name == 'sigmoid' else self.slope(y)",
        "y for y (1 - y)",
    ),
    Mistake(
        "softmax-diagonal-only",
        "activations:Softmax.vjp",
        "y * (dy - (dy * y).sum(axis=-1, keepdims=True))",
        "dy * y * (1 - y)",
        "the Jacobian's diagonal for the Jacobian",
    ),
    Mistake(
        "softmax-over-the-batch",
        "activations:Softmax.value",
        "e / e.sum(axis=-1, keepdims=True)",
        "e / e.sum(axis=1, keepdims=True)",
        "the wrong axis",
    ),
    Mistake(
        "softmax-unshifted",
        "activations:Softmax.value",
        "z - z.real.max(axis=-1, keepdims=True)",
        "z",
        "overflows at logits of about 1000",
    ),
    Mistake(
        "log-softmax-unshifted",
        "activations:LogSoftmax.value",
        "shifted = z - z.real.max(axis=-1, keepdims=True)",
        "shifted = z",
        "overflows at logits of about 1000",
    ),
    Mistake(
        "log-softmax-vjp-of-one-hot",
        "activations:LogSoftmax.vjp",
        "np.exp(y) * dy.sum(axis=-1, keepdims=True)",
        "np.exp(y)",
        "as if dy summed to 1",
    ),
)
