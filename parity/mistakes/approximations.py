"""Functions that are nearly right: fast tanh, exp, sigmoid and softplus, and other branches of relu."""

from parity.mistakes.mistake import Mistake

BELOW = "below what float32 can show"


def _hidden(f: str, name: str, value: str, says: str, met: str = "", float32: str = "") -> Mistake:
    """The activation f of the hidden layers has another value, written with a_t."""
    wrong = f"f(a_t, h_t) if self.f.name != {f!r} else np.copyto(h_t, {value}, 'unsafe')"
    return Mistake(name, "cells.rnn:Rnn.steps", "f(a_t, h_t)", wrong, says, met, float32=float32)


def _tanh(name: str, value: str, says: str, met: str = "", float32: str = "") -> Mistake:
    return _hidden("tanh", name, value, says, met, float32)


def _sigmoid(name: str, value: str, says: str, met: str = "", float32: str = "") -> Mistake:
    """The sigmoid of the output layer has another value, written with z."""
    return Mistake(
        name,
        "activations:_sigmoid",
        "e = np.exp(_minus_magnitude(z))",
        f"return ({value}).astype(z.dtype); e = np.exp(_minus_magnitude(z))",
        says,
        met,
        float32=float32,
    )


def _softplus(name: str, value: str, says: str, met: str = "", float32: str = "") -> Mistake:
    return Mistake(
        name,
        "activations:_softplus",
        "np.add(_relu(z), np.log1p(np.exp(_minus_magnitude(z))), out=out)",
        f"({value}).astype(z.dtype)",
        says,
        met,
        float32=float32,
    )


_SCHRAUDOLPH = "(6497320848556798.0 * {} + 4606853616395542500.0).astype(np.int64).view(np.float64)"

MISTAKES = (
    # tanh
    _tanh("tanh-clamped", "np.tanh(a_t.clip(-3, 3))", "of an argument clamped to ±3: seen at saturation only"),
    _tanh(
        "tanh-clamped-at-7.5",
        "np.tanh(a_t.clip(-7.5, 7.5))",
        "of an argument clamped to ±7.5: 1 - 6e-7 where 1 is meant",
        met="sonos/tract#2715",
    ),
    _tanh(
        "tanh-clamped-at-10",
        "np.tanh(a_t.clip(-10, 10))",
        "of an argument clamped to ±10",
        met="webonnx/wonnx#114",
        float32="tanh(10) is 1 there",
    ),
    _tanh(
        "tanh-rational",
        "a_t * (27 + a_t * a_t) / (27 + 9 * a_t * a_t)",
        "a(27 + a²)/(27 + 9a²), the usual stand-in for tanh on small machines",
        met="ruvnet/RuVector#761",
    ),
    _tanh(
        "tanh-rational-clamped",
        "(a_t * (27 + a_t * a_t) / (27 + 9 * a_t * a_t)).clip(-1, 1)",
        "the same, its result clamped to ±1",
    ),
    _tanh(
        "tanh-continued-fraction",
        "(a_t * (135135 + a_t**2 * (17325 + a_t**2 * (378 + a_t**2)))"
        " / (135135 + a_t**2 * (62370 + a_t**2 * (3150 + 28 * a_t**2)))).clip(-1, 1)",
        "seven terms of Lambert's continued fraction: good to 1e-4",
        met="huonw/fast-math#6",
    ),
    _tanh(
        "tanh-softsign",
        "a_t / (1 + np.abs(a_t))",
        "a/(1 + |a|), with the shape of tanh",
        met="wvabrinskas/Neuron#132",
    ),
    _tanh("tanh-hard", "a_t.clip(-1, 1)", "a clamped to ±1: three straight lines"),
    _tanh(
        "tanh-table",
        "np.tanh(np.round(a_t.clip(-4, 4) * 32) / 32)",
        "a table of 257 entries over ±4, the nearest entry",
    ),
    _tanh(
        "tanh-table-interpolated",
        "np.interp(a_t, np.linspace(-8, 8, 1025), np.tanh(np.linspace(-8, 8, 1025)))",
        "a table of 1025 entries over ±8, interpolated: good to 2e-5",
    ),
    _tanh(
        "tanh-table-fine",
        "np.interp(a_t, np.linspace(-9, 9, 65537), np.tanh(np.linspace(-9, 9, 65537)))",
        "a table of 65537 entries, interpolated: good to 7e-9",
    ),
    _tanh(
        "tanh-of-a-table-of-positive-arguments",
        "np.tanh(np.abs(a_t))",
        "the table has positive arguments alone, and the sign is forgotten",
        met="sonos/tract#84 (its negative side)",
    ),
    _tanh(
        "tanh-taylor",
        "np.where(np.abs(a_t) < 0.5, a_t - a_t**3 / 3 + 2 * a_t**5 / 15, np.tanh(a_t))",
        "three terms of the series where |a| < 1/2",
    ),
    _tanh(
        "tanh-linear-near-0",
        "np.where(np.abs(a_t) < 0.01, a_t, np.tanh(a_t))",
        "tanh(a) = a where |a| < 0.01",
    ),
    _tanh(
        "tanh-linear-very-near-0",
        "np.where(np.abs(a_t) < 4e-4, a_t, np.tanh(a_t))",
        "tanh(a) = a where |a| < 2^-11, which is right in float32 alone",
        float32="right there: a³/3 is below the rounding",
    ),
    _tanh(
        "tanh-by-schraudolph",
        f"1 - 2 / (1 + {_SCHRAUDOLPH.format('(2.0 * a_t.clip(-300, 300).astype(np.float64))')})",
        "exp from the bits of an integer: good to 4 %",
    ),
    _tanh(
        "tanh-by-power",
        "1 - 2 / (1 + (1 + 2 * a_t.clip(-20, 20) / 1024) ** 1024)",
        "exp(x) as (1 + x/1024)^1024",
    ),
    _tanh(
        "tanh-by-two-exponentials",
        "(np.exp(a_t) - np.exp(-a_t)) / (np.exp(a_t) + np.exp(-a_t))",
        "inf/inf is NaN where |a| exceeds 710, in float32 89",
        met="BVLC/caffe#1455",
    ),
    _tanh(
        "tanh-by-exp-of-2a",
        "(np.exp(2 * a_t) - 1) / (np.exp(2 * a_t) + 1)",
        "inf/inf is NaN where a exceeds 355, in float32 44: right on the negative side",
        met="pytorch/glow#99",
    ),
    _tanh(
        "tanh-saturates-early",
        "np.where(np.abs(a_t) > 4.97, np.sign(a_t), np.tanh(a_t))",
        "±1 where |a| > 4.97, as code for sound has it",
        met="huonw/fast-math#6",
    ),
    _tanh("tanh-as-sigmoid", "1 / (1 + np.exp(-a_t))", "the logistic function where tanh is asked for"),
    _tanh(
        "tanh-scaled",
        "1.7159 * np.tanh(2 * a_t / 3)",
        "1.7159 tanh(2a/3), as LeCun recommends it",
    ),
    # relu
    _hidden("relu", "relu-leaky", "np.where(a_t > 0, a_t, a_t * 0.01)", "a slope of 0.01 on the left"),
    _hidden("relu", "relu-clipped-at-6", "np.minimum(np.maximum(a_t, 0), 6)", "relu6 of mobile networks"),
    _hidden(
        "relu",
        "relu-clipped-at-20",
        "np.minimum(np.maximum(a_t, 0), 20)",
        "the clipped relu of speech recognisers: seen above 20 only",
    ),
    _hidden("relu", "relu-elu", "np.where(a_t > 0, a_t, np.expm1(a_t))", "elu for relu"),
    _hidden(
        "relu",
        "relu-swallows-nan",
        "np.fmax(a_t, 0)",
        "relu of NaN is 0, as of `x > 0 ? x : 0`",
        met="pytorch/pytorch#7999, apache/mxnet#11115",
    ),
    _hidden("relu", "relu-of-magnitude", "np.abs(a_t)", "the sign is dropped, not the negative half"),
    _hidden("identity", "linear-clipped", "a_t.clip(-8, 8)", "a linear unit that saturates at ±8"),
    Mistake(
        "relu-slope-half-at-0",
        "cells.rnn:Rnn.factors",
        'self.f.slope(columns.rows("h"))',
        'np.where(columns.rows("a") == 0, 0.5, self.f.slope(columns.rows("h"))).astype(columns.rows("a").dtype)',
        "the mean of both sides, relu'(0) = 1/2",
    ),
    Mistake(
        "relu-gate-multiplies",
        "activations:_gate",
        "out = np.positive(dy, out=out)",
        "return np.multiply(dy, slope, out=out)",
        "inf · 0 is NaN where an infinite gradient arrives at a closed unit",
    ),
    # sigmoid
    _sigmoid("sigmoid-hard", "np.clip(0.2 * z + 0.5, 0, 1)", "clip(z/5 + 1/2): three straight lines"),
    _sigmoid("sigmoid-hard-6", "np.clip(z / 6 + 0.5, 0, 1)", "relu6(z + 3)/6: three straight lines"),
    _sigmoid(
        "sigmoid-of-exp-z",
        "np.exp(z) / (1 + np.exp(z))",
        "inf/inf is NaN where z exceeds 710, in float32 89",
    ),
    _sigmoid(
        "sigmoid-clamped-at-10",
        "1 / (1 + np.exp(-z.clip(-10, 10)))",
        "of an argument clamped to ±10",
    ),
    _sigmoid(
        "sigmoid-kept-off-0-and-1",
        "(1 / (1 + np.exp(-z))).clip(1e-7, 1 - 1e-7)",
        "clipped to [1e-7, 1 - 1e-7], so that a logarithm is finite",
    ),
    _sigmoid(
        "sigmoid-table-interpolated",
        "np.interp(z, np.linspace(-8, 8, 257), 1 / (1 + np.exp(-np.linspace(-8, 8, 257))))",
        "a table of 257 entries over ±8, interpolated",
    ),
    _sigmoid("sigmoid-of-half", "0.5 + 0.5 * np.tanh(z)", "tanh(z) for tanh(z/2)"),
    # softplus
    _softplus("softplus-naive", "np.log(1 + np.exp(z))", "overflows where z exceeds 710, in float32 89"),
    _softplus(
        "softplus-threshold-20",
        "np.where(z > 20, z, np.log1p(np.exp(np.minimum(z, 20))))",
        "z where z > 20, as torch has it",
        float32=BELOW,
    ),
    _softplus(
        "softplus-threshold-8",
        "np.where(z > 8, z, np.log1p(np.exp(np.minimum(z, 8))))",
        "z where z > 8",
    ),
    _softplus("softplus-is-relu", "np.maximum(z, 0)", "the smooth part left out"),
    Mistake(
        "softplus-slope-of-y",
        "activations:ScalarActivation.vjp",
        "self.slope(y)",
        "SIGMOID.value(y) if self.name == 'softplus' else self.slope(y)",
        "the sigmoid of y for that of z",
    ),
    # softmax and log-softmax
    Mistake(
        "softmax-maximum-from-0",
        "activations:Softmax.value",
        "z.real.max(axis=-1, keepdims=True)",
        "z.real.max(axis=-1, keepdims=True, initial=0)",
        "a running maximum that starts at 0: 0/0 where all logits are far below 0",
    ),
    Mistake(
        "log-softmax-maximum-from-0",
        "activations:LogSoftmax.value",
        "z.real.max(axis=-1, keepdims=True)",
        "z.real.max(axis=-1, keepdims=True, initial=0)",
        "a running maximum that starts at 0: log 0 where all logits are far below 0",
    ),
    Mistake(
        "softmax-maximum-of-the-batch",
        "activations:Softmax.value",
        "z.real.max(axis=-1, keepdims=True)",
        "z.real.max()",
        "one maximum for all rows: 0/0 in a row far below another",
    ),
    Mistake(
        "log-softmax-maximum-of-the-batch",
        "activations:LogSoftmax.value",
        "z.real.max(axis=-1, keepdims=True)",
        "z.real.max()",
        "one maximum for all rows: log 0 in a row far below another",
    ),
    Mistake(
        "softmax-shifted-by-the-first",
        "activations:Softmax.value",
        "z.real.max(axis=-1, keepdims=True)",
        "z[..., :1]",
        "shifted by the first logit, not the largest",
    ),
    Mistake(
        "softmax-shifted-by-the-smallest",
        "activations:LogSoftmax.value",
        "z.real.max(axis=-1, keepdims=True)",
        "z.real.min(axis=-1, keepdims=True)",
        "shifted by the smallest logit, not the largest: overflows where they are far apart",
    ),
    Mistake(
        "softmax-epsilon-below",
        "activations:Softmax.value",
        "e / e.sum(axis=-1, keepdims=True)",
        "e / (e.sum(axis=-1, keepdims=True) + 1e-8)",
        "sum + 1e-8 in the denominator",
        float32=BELOW,
    ),
    Mistake(
        "softmax-epsilon-below-1e-5",
        "activations:Softmax.value",
        "e / e.sum(axis=-1, keepdims=True)",
        "e / (e.sum(axis=-1, keepdims=True) + 1e-5)",
        "sum + 1e-5 in the denominator",
    ),
    Mistake(
        "softmax-by-powers-of-2",
        "activations:Softmax.value",
        "np.exp(z",
        "np.exp2(z",
        "exp2 without log2(e) in the logits",
    ),
    Mistake(
        "softmax-by-schraudolph",
        "activations:Softmax.value",
        "e = np.exp(z - z.real.max(axis=-1, keepdims=True))",
        "s = np.maximum(z - z.max(axis=-1, keepdims=True), -700.0).astype(np.float64); "
        f"e = {_SCHRAUDOLPH.format('s')}.astype(z.dtype)",
        "exp from the bits of an integer: good to 4 %",
    ),
    Mistake(
        "softmax-exp-clamped",
        "activations:Softmax.value",
        "np.exp(z - z.real.max(axis=-1, keepdims=True))",
        "np.exp(np.maximum(z - z.real.max(axis=-1, keepdims=True), -10))",
        "no class below e^-10 of the likeliest",
    ),
    Mistake(
        "log-softmax-of-softmax",
        "activations:LogSoftmax.value",
        "return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))",
        "return np.log(np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True))",
        "the logarithm of the softmax: -inf where that is 0",
    ),
    Mistake(
        "log-softmax-of-softmax-clamped",
        "activations:LogSoftmax.value",
        "return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))",
        "return np.log((np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True)).clip(1e-30))",
        "the logarithm of the softmax, at least 1e-30: -69 at most",
    ),
    Mistake(
        "log-softmax-epsilon-inside-log",
        "activations:LogSoftmax.value",
        "np.log(np.exp(shifted).sum(axis=-1, keepdims=True))",
        "np.log(np.exp(shifted).sum(axis=-1, keepdims=True) + 1e-4)",
        "log(sum + 1e-4)",
    ),
    Mistake(
        "log-softmax-as-softmax-in-backward",
        "activations:LogSoftmax.vjp",
        "np.exp(y) * dy.sum(axis=-1, keepdims=True)",
        "np.exp(y) * (dy * np.exp(y)).sum(axis=-1, keepdims=True)",
        "the sum of the softmax's Jacobian in that of the log-softmax",
    ),
    Mistake(
        "softmax-vjp-without-y",
        "activations:Softmax.vjp",
        "y * (dy - (dy * y).sum(axis=-1, keepdims=True))",
        "dy - (dy * y).sum(axis=-1, keepdims=True)",
        "the factor y_i forgotten",
    ),
    Mistake(
        "softmax-vjp-fused",
        "activations:Softmax.vjp",
        "y * (dy - (dy * y).sum(axis=-1, keepdims=True))",
        "dy",
        "as if the divergence had done it already",
    ),
    Mistake(
        "tanh-slope-of-z-in-the-output",
        "network:Network.backward",
        "self._f.vjp(dy, y)",
        "self._f.vjp(dy, np.tanh(y) if self.activation == 'tanh' else y)",
        "1 - tanh(y)² where y is tanh(z) already",
    ),
)
