"""CTC."""

from parity.mistakes.mistake import Mistake

MISTAKES = (
    Mistake(
        "ctc-no-skip",
        "ctc:_paths",
        "(labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])",
        "False",
        "a blank between any two labels",
    ),
    Mistake(
        "ctc-skip-between-repeats",
        "ctc:_paths",
        "(labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])",
        "labels[:, 2:] != blank",
        "no blank between labels that are alike",
    ),
    Mistake(
        "ctc-blank-is-0",
        "ctc:_paths",
        "np.full((B, 2 * S + 1), blank)",
        "np.full((B, 2 * S + 1), 0)",
        "the blank is another class than the one given",
    ),
    Mistake(
        "ctc-must-end-in-blank",
        "ctc:_paths",
        "(state == last) | (state == last - 1)",
        "state == last",
        "paths that end in the last label are lost",
    ),
    Mistake(
        "ctc-must-begin-with-blank",
        "ctc:_alpha",
        "alpha[0, :, :2] = paths.log_y[0, :, :2]",
        "alpha[0, :, :1] = paths.log_y[0, :, :1]",
        "paths that begin with the first label are lost",
    ),
    Mistake(
        "ctc-lengths-ignored",
        "ctc:CTC._paths",
        "(weights != 0).sum(axis=0)",
        "np.full(weights.shape[1], len(weights))",
        "padded steps are read",
    ),
    Mistake(
        "ctc-softmax-twice",
        "ctc:_paths",
        "LOG_SOFTMAX.value(y)",
        "LOG_SOFTMAX.value(np.exp(LOG_SOFTMAX.value(y)))",
        "probabilities given where logits are expected",
        met="tflearn/tflearn#562 (with cross-entropy)",
    ),
    Mistake(
        "ctc-gradient-at-log-probs",
        "ctc:CTC.gradient",
        "LOG_SOFTMAX.vjp(-at_class, LOG_SOFTMAX.value(_read(y, weights)))",
        "-at_class",
        "the derivative of log-softmax forgotten",
        met="pytorch/pytorch#52241",
    ),
    Mistake(
        "ctc-step-counted-twice",
        "ctc:CTC.gradient",
        "alpha + _beta(paths) - paths.log_y - log_p[:, None]",
        "alpha + _beta(paths) - log_p[:, None]",
        "alpha and beta both include the step itself",
    ),
    Mistake(
        "ctc-mean-over-sequences-alone",
        "ctc:CTC._shares",
        "(len(target) * np.maximum((target != END).sum(axis=1), 1)).astype(v.dtype)",
        "len(target)",
        "not divided by the length of the target",
    ),
    Mistake(
        "ctc-infinity-hidden",
        "ctc:CTC.value",
        "if self.zero_infinity:",
        "if True:",
        "an infeasible target counts 0 although nobody asked for it",
    ),
)
