"""Divergences."""

from parity.mistakes.mistake import Mistake

MISTAKES = (
    Mistake(
        "squared-error-not-halved",
        "divergences:_squared_error",
        ".sum(axis=-1) / 2",
        ".sum(axis=-1)",
        "the value doubled, the gradient not",
    ),
    Mistake(
        "squared-error-mean-over-O",
        "divergences:_squared_error",
        ".sum(axis=-1) / 2",
        ".sum(axis=-1) / (2 * y.shape[-1])",
        "a mean over the features",
    ),
    Mistake(
        "epsilon-inside-log",
        "divergences:_cross_entropy",
        "np.log(_where_desired(d, y))",
        "np.log(_where_desired(d, y) + 1e-12)",
        "log(y + 1e-12), as many tutorials write it",
    ),
    Mistake(
        "epsilon-in-the-quotient",
        "divergences:_cross_entropy_gradient",
        "-d / _where_desired(d, y)",
        "-d / (_where_desired(d, y) + 1e-12)",
        "d / (y + 1e-12)",
    ),
    Mistake(
        "weights-not-in-the-gradient",
        "divergences:LocalDivergence.gradient",
        "w * np.where(",
        "(w != 0) * np.where(",
        "the divergence weighted, its gradient not",
    ),
    Mistake(
        "pooled-over-T",
        "divergences:MeanPooledCrossEntropy._shares",
        "weights / weights.sum(axis=0)",
        "weights / len(weights)",
        "a mean over T, whatever the length",
        met="lanterndata/lantern_extras#91",
    ),
    Mistake(
        "pooled-reduction-ignored",
        "divergences:MeanPooledCrossEntropy._mean",
        'of_sequences if self.reduction == "sum" else of_sequences / len(of_sequences)',
        "of_sequences",
        "the sum where the mean was asked for",
    ),
    Mistake(
        "zero-log-zero",
        "divergences:_cross_entropy",
        "_where_desired(d, y)",
        "y",
        "0 · log 0 is NaN: nothing desired of a class whose probability is 0",
    ),
    Mistake(
        "zero-over-zero",
        "divergences:_cross_entropy_gradient",
        "_where_desired(d, y)",
        "y",
        "0/0 is NaN in the gradient, where the value is right",
    ),
    Mistake(
        "targets-taken-to-sum-to-1",
        "divergences:_softmax_cross_entropy_gradient",
        "SOFTMAX.value(y) * d.sum(axis=-1, keepdims=True) - d",
        "SOFTMAX.value(y) - d",
        "softmax - d, as for one-hot targets",
    ),
)
