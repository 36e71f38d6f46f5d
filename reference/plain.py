"""The specification, executable: everything that SPEC.md defines, forward and backward, in loops over lists.

It imports nothing and knows no type of number. Numbers are added, subtracted, multiplied and divided with `+ - * /`;
whatever else is needed of them is asked of an argument `numbers`, which has

    number(x)           an int or a float as a number, exactly, infinities and NaN among them
    exp(a), expm1(a), log(a), log1p(a), tanh(a)
    divide(a, b)        a / b, where b may be 0
    positive(a)         not a <= 0: the gate of relu (SPEC 2.5). Who cannot tell must raise
    zero(a)             whether a weight or a target is exactly 0 (SPEC 8.2, 8.5). Who cannot tell must raise
    minus_infinity(a)   whether a is -inf, the logarithm of no path at all (SPEC 8.9). Who has no such number says False
    larger(a, b)        whether a > b, as far as one can tell: any answer is right, for it chooses between formulas that
                        are equal but for rounding and overflow (SPEC 2.4, 2.9)

as IEEE 754 has it where numbers are floats (SPEC 1.7). So the same lines run on floats, complex numbers, fractions,
intervals and symbols. An exact zero may be the integer 0.

Vectors are lists, matrices lists of rows. A cell works on one sequence, a list of its real steps: padding never comes
near it (SPEC 6.2), and a reverse direction is the same function on the list reversed (SPEC 4.2). In a backward pass
each adjoint stands beside the forward line that it belongs to. Layers, directions, batch and layouts come at the end,
with `forward` and `backward`, which take a whole case.
"""

# Vectors and matrices


def add(*terms):
    """The sum of nested lists of one shape, element by element."""
    if isinstance(terms[0], list):
        return [add(*(term[i] for term in terms)) for i in range(len(terms[0]))]
    return sum(terms)


def zeros_like(value):
    """Exact zeros in the shape of a nested list."""
    return [zeros_like(element) for element in value] if isinstance(value, list) else 0


def dot(u, v):
    """sum over i of u_i v_i"""
    return sum(u[i] * v[i] for i in range(len(u)))


def matrix_vector(W, v):
    """W v: element i is the sum over j of W[i, j] v_j. Weights are (to, from), SPEC 0.2."""
    return [dot(row, v) for row in W]


def row_matrix(d, W):
    """d W: element j is the sum over i of d_i W[i, j], which takes a gradient back against the direction of W."""
    return [sum(d[i] * W[i][j] for i in range(len(W))) for j in range(len(W[0]))]


def affine(W, v, b):
    """W v + b"""
    return add(matrix_vector(W, v), b)


def pooled(d, v):
    """sum over t of d(t)ᵀ v(t): element [i, j] is the sum over t of d_i(t) v_j(t) (SPEC 5.5)."""
    steps = range(len(d))
    return [[sum(d[t][i] * v[t][j] for t in steps) for j in range(len(v[0]))] for i in range(len(d[0]))]


def blocks(v, H):
    """The gates of a vector or of a matrix: its consecutive blocks of H (SPEC 12.2)."""
    return [v[k : k + H] for k in range(0, len(v), H)]


def largest(values, numbers):
    """max over j of v_j: a shift that cancels, so that a wrong guess does no harm (SPEC 2.9)."""
    m = values[0]
    for value in values[1:]:
        if numbers.larger(value, m):
            m = value
    return m


# Activations (SPEC 2.1): y from z, and dz from dy and y


def identity(z, numbers):
    """SPEC 2.3"""
    return z


def identity_backward(dy, y, numbers):
    """SPEC 2.3: f'(z) = 1"""
    return dy


def tanh(z, numbers):
    """SPEC 2.3"""
    return numbers.tanh(z)


def tanh_backward(dy, y, numbers):
    """SPEC 2.3: f'(z) = 1 - y²"""
    return dy * (1 - y * y)


def sigmoid(z, numbers):
    """SPEC 2.4: 1 / (1 + exp(-z)), with an exp that never overflows"""
    if numbers.larger(z, 0):
        return 1 / (1 + numbers.exp(-z))
    e = numbers.exp(z)
    return e / (1 + e)


def sigmoid_backward(dy, y, numbers):
    """SPEC 2.4: f'(z) = y (1 - y)"""
    return dy * (y * (1 - y))


def softplus(z, numbers):
    """SPEC 2.4: log(1 + exp(z)), with an exp that never overflows"""
    if numbers.larger(z, 0):
        return z + numbers.log1p(numbers.exp(-z))
    return numbers.log1p(numbers.exp(z))


def softplus_backward(dy, y, numbers):
    """SPEC 2.4: f'(z) = sigmoid(z) = 1 - exp(-y)"""
    return dy * -numbers.expm1(-y)


def relu(z, numbers):
    """SPEC 2.5: relu(0) = 0, and NaN passes"""
    return z if numbers.positive(z) else numbers.number(0)


def relu_backward(dy, y, numbers):
    """SPEC 2.5: a gate, not a product; relu'(0) = 0"""
    return dy if numbers.positive(y) else numbers.number(0)


def softmax(z, numbers):
    """SPEC 2.7"""
    m = largest(z, numbers)
    e = [numbers.exp(z_i - m) for z_i in z]
    total = sum(e)
    return [e_i / total for e_i in e]


def softmax_backward(dy, y, numbers):
    """SPEC 2.7: dz_i = sum over j of dy_j y_j ([i = j] - y_i)"""
    inner = dot(dy, y)
    return [y[i] * (dy[i] - inner) for i in range(len(y))]


def log_softmax(z, numbers):
    """SPEC 2.8"""
    m = largest(z, numbers)
    log_total = numbers.log(sum(numbers.exp(z_i - m) for z_i in z))
    return [(z_i - m) - log_total for z_i in z]


def log_softmax_backward(dy, y, numbers):
    """SPEC 2.8: dz_i = sum over j of dy_j ([i = j] - exp(y_i))"""
    total = sum(dy)
    return [dy[i] - numbers.exp(y[i]) * total for i in range(len(y))]


SCALAR_ACTIVATIONS = {
    "identity": (identity, identity_backward),
    "tanh": (tanh, tanh_backward),
    "sigmoid": (sigmoid, sigmoid_backward),
    "softplus": (softplus, softplus_backward),
    "relu": (relu, relu_backward),
}
VECTOR_ACTIVATIONS = {
    "softmax": (softmax, softmax_backward),
    "log_softmax": (log_softmax, log_softmax_backward),
}


def activate(name, z, numbers):
    """y = f(z) of a vector (SPEC 2.1)."""
    if name in VECTOR_ACTIVATIONS:
        value, _ = VECTOR_ACTIVATIONS[name]
        return value(z, numbers)
    value, _ = SCALAR_ACTIVATIONS[name]
    return [value(z_i, numbers) for z_i in z]


def activate_backward(name, dy, y, numbers):
    """dz = dy J of a vector: by the slope of each element (SPEC 2.2), or by the whole Jacobian (SPEC 2.6)."""
    if name in VECTOR_ACTIVATIONS:
        _, backward = VECTOR_ACTIVATIONS[name]
        return backward(dy, y, numbers)
    _, backward = SCALAR_ACTIVATIONS[name]
    return [backward(dy[i], y[i], numbers) for i in range(len(y))]


# What the cells share
#
# params of one direction of a layer: weight_ih, weight_hh, bias_ih, bias_hh and, of a projected LSTM, weight_hr (SPEC
# 1.4, 12.2). x is a list of steps; h0, and c0 of an LSTM, are the states before the first. A trace has what SPEC 12.5
# lists, a list of steps each.
#
# A backward pass gets above, what arrives at h(t) from above at every step; d_h_n, and d_c_n of an LSTM, what is sent
# into the last states; truncate (SPEC 7.1). It gives the gradients of the trace, of x, h0, c0, and of the parameters.


def bias(params, name):
    """A bias, or zeros: of a network without, and of one whose other bias is already the sum (SPEC 0.9)."""
    return params.get(name, [0] * len(params["weight_ih"]))


def before(first, states):
    """h(t-1) for every t: h(-1), h(0), …, h(T-2) (SPEC 0.4, 0.5)."""
    return [first, *states[:-1]]


def crosses(t, truncate):
    """Whether a gradient goes from step t to the step before, which it does but for the first of a chunk (SPEC 7.1)."""
    return truncate == 0 or t == 0 or t % truncate != 0


def pooling(W_ih, x, h_before, d_a, d_product):
    """SPEC 5.5, 13.5, 15.5, over all t; d_product is the gradient of W_hh h(t-1) + b_hh: da(t) where a(t) adds it."""
    return {
        "d_x": [row_matrix(da, W_ih) for da in d_a],
        "d_weight_ih": pooled(d_a, x),
        "d_weight_hh": pooled(d_product, h_before),
        "d_bias_ih": add(*d_a),
        "d_bias_hh": add(*d_product),
    }


# RNN (SPEC 3.1, 5.4)


def rnn_forward(params, x, h0, nonlinearity, numbers):
    """SPEC 3.1: the trace {a, h} of one sequence."""
    W_ih, W_hh = params["weight_ih"], params["weight_hh"]
    b_ih, b_hh = bias(params, "bias_ih"), bias(params, "bias_hh")
    trace = {"a": [], "h": []}
    h = h0
    for x_t in x:
        a = add(affine(W_ih, x_t, b_ih), affine(W_hh, h, b_hh))
        h = activate(nonlinearity, a, numbers)
        trace["a"].append(a)
        trace["h"].append(h)
    return trace


def rnn_backward(params, x, h0, trace, above, d_h_n, nonlinearity, truncate, numbers):
    """SPEC 5.4, the adjoint of 3.1, from the last step to the first; then what is pooled, SPEC 5.5."""
    W_ih, W_hh = params["weight_ih"], params["weight_hh"]
    h = trace["h"]
    d_h, d_a = [None] * len(x), [None] * len(x)
    carry = d_h_n
    for t in reversed(range(len(x))):
        d_h[t] = add(above[t], carry)  # h(t) is read above, and by a(t+1), at the last step by h_n
        d_a[t] = activate_backward(nonlinearity, d_h[t], h[t], numbers)  # h(t) = f(a(t))
        carry = row_matrix(d_a[t], W_hh)  # a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh
        if not crosses(t, truncate):
            carry = zeros_like(carry)
    return {"d_h": d_h, "d_a": d_a, "d_h0": carry} | pooling(W_ih, x, before(h0, h), d_a, d_a)


# GRU, reset after (SPEC 13.1, 13.4) and before (SPEC 14.1, 14.4)


def gru_gates(a, numbers):
    """r(t), z(t), n(t) from a(t) (SPEC 13.1, 14.1)."""
    a_r, a_z, a_n = blocks(a, len(a) // 3)
    return activate("sigmoid", a_r, numbers), activate("sigmoid", a_z, numbers), activate("tanh", a_n, numbers)


def blend(n, z, h):
    """h(t) = n(t) + z(t) * (h(t-1) - n(t)) (SPEC 13.1, 14.1)"""
    return [n[j] + z[j] * (h[j] - n[j]) for j in range(len(n))]


def gru_after_forward(params, x, h0, numbers):
    """SPEC 13.1: the trace {a, q, h} of one sequence. r acts on the product with h(t-1)."""
    H = len(h0)
    W_ih, W_hh = params["weight_ih"], params["weight_hh"]
    b_ih, b_hh = bias(params, "bias_ih"), bias(params, "bias_hh")
    trace = {"a": [], "q": [], "h": []}
    h = h0
    for x_t in x:
        x_r, x_z, x_n = blocks(affine(W_ih, x_t, b_ih), H)
        h_r, h_z, q = blocks(affine(W_hh, h, b_hh), H)
        a_r = add(x_r, h_r)
        a_z = add(x_z, h_z)
        r = activate("sigmoid", a_r, numbers)
        z = activate("sigmoid", a_z, numbers)
        a_n = [x_n[j] + r[j] * q[j] for j in range(H)]
        n = activate("tanh", a_n, numbers)
        h = blend(n, z, h)
        trace["a"].append(a_r + a_z + a_n)
        trace["q"].append(q)
        trace["h"].append(h)
    return trace


def gru_after_backward(params, x, h0, trace, above, d_h_n, truncate, numbers):
    """SPEC 13.4, the adjoint of 13.1, from the last step to the first; then what is pooled, SPEC 13.5."""
    H, T = len(h0), len(x)
    W_ih, W_hh = params["weight_ih"], params["weight_hh"]
    past = before(h0, trace["h"])
    d_h, d_q, d_a, d_product = [None] * T, [None] * T, [None] * T, [None] * T
    carry = d_h_n
    for t in reversed(range(T)):
        h_before, q = past[t], trace["q"][t]
        r, z, n = gru_gates(trace["a"][t], numbers)
        dh = add(above[t], carry)  # h(t) is read above, and by step t+1, at the last step by h_n
        da_r, da_z, da_n, dq = [0] * H, [0] * H, [0] * H, [0] * H
        for j in range(H):
            dn = dh[j] * (1 - z[j])  # h(t) = n(t) + z(t) * (h(t-1) - n(t))
            dz = dh[j] * (h_before[j] - n[j])  # the same line
            da_n[j] = dn * (1 - n[j] * n[j])  # n(t) = tanh(a[n](t))
            dq[j] = da_n[j] * r[j]  # a[n](t) = W_ih[n] x(t) + b_ih[n] + r(t) * q(t)
            dr = da_n[j] * q[j]  # the same line
            da_z[j] = dz * (z[j] * (1 - z[j]))  # z(t) = sigmoid(a[z](t))
            da_r[j] = dr * (r[j] * (1 - r[j]))  # r(t) = sigmoid(a[r](t))
        d_product[t] = da_r + da_z + dq  # a[r](t), a[z](t), q(t): W_hh h(t-1) + b_hh
        carry = add(
            [dh[j] * z[j] for j in range(H)],  # h(t) = n(t) + z(t) * (h(t-1) - n(t))
            row_matrix(d_product[t], W_hh),  # W_hh h(t-1) + b_hh
        )
        if not crosses(t, truncate):
            carry = zeros_like(carry)
        d_h[t], d_q[t], d_a[t] = dh, dq, da_r + da_z + da_n
    return {"d_h": d_h, "d_q": d_q, "d_a": d_a, "d_h0": carry} | pooling(W_ih, x, past, d_a, d_product)


def gru_before_forward(params, x, h0, numbers):
    """SPEC 14.1: the trace {a, s, h} of one sequence. r acts on h(t-1), before the product."""
    H = len(h0)
    W_ih, W_hh = params["weight_ih"], params["weight_hh"]
    b_ih, b_hh = bias(params, "bias_ih"), bias(params, "bias_hh")
    trace = {"a": [], "s": [], "h": []}
    h = h0
    for x_t in x:
        x_r, x_z, x_n = blocks(affine(W_ih, x_t, b_ih), H)
        h_r, h_z = blocks(affine(W_hh[: 2 * H], h, b_hh[: 2 * H]), H)
        a_r = add(x_r, h_r)
        a_z = add(x_z, h_z)
        r = activate("sigmoid", a_r, numbers)
        z = activate("sigmoid", a_z, numbers)
        s = [r[j] * h[j] for j in range(H)]
        a_n = add(x_n, affine(W_hh[2 * H :], s, b_hh[2 * H :]))
        n = activate("tanh", a_n, numbers)
        h = blend(n, z, h)
        trace["a"].append(a_r + a_z + a_n)
        trace["s"].append(s)
        trace["h"].append(h)
    return trace


def gru_before_backward(params, x, h0, trace, above, d_h_n, truncate, numbers):
    """SPEC 14.4, the adjoint of 14.1, from the last step to the first; then what is pooled, SPEC 14.5."""
    H, T = len(h0), len(x)
    W_ih, W_hh = params["weight_ih"], params["weight_hh"]
    past = before(h0, trace["h"])
    d_h, d_s, d_a = [None] * T, [None] * T, [None] * T
    carry = d_h_n
    for t in reversed(range(T)):
        h_before = past[t]
        r, z, n = gru_gates(trace["a"][t], numbers)
        dh = add(above[t], carry)  # h(t) is read above, and by step t+1, at the last step by h_n
        da_r, da_z, da_n = [0] * H, [0] * H, [0] * H
        for j in range(H):
            dn = dh[j] * (1 - z[j])  # h(t) = n(t) + z(t) * (h(t-1) - n(t))
            dz = dh[j] * (h_before[j] - n[j])  # the same line
            da_n[j] = dn * (1 - n[j] * n[j])  # n(t) = tanh(a[n](t))
            da_z[j] = dz * (z[j] * (1 - z[j]))  # z(t) = sigmoid(a[z](t))
        ds = row_matrix(da_n, W_hh[2 * H :])  # a[n](t) = W_ih[n] x(t) + b_ih[n] + W_hh[n] s(t) + b_hh[n]
        for j in range(H):
            dr = ds[j] * h_before[j]  # s(t) = r(t) * h(t-1)
            da_r[j] = dr * (r[j] * (1 - r[j]))  # r(t) = sigmoid(a[r](t))
        carry = add(
            [dh[j] * z[j] for j in range(H)],  # h(t) = n(t) + z(t) * (h(t-1) - n(t))
            [ds[j] * r[j] for j in range(H)],  # s(t) = r(t) * h(t-1)
            row_matrix(da_r + da_z, W_hh[: 2 * H]),  # a[r](t), a[z](t): W_hh h(t-1) + b_hh
        )
        if not crosses(t, truncate):
            carry = zeros_like(carry)
        d_h[t], d_s[t], d_a[t] = dh, ds, da_r + da_z + da_n
    gradients = {"d_h": d_h, "d_s": d_s, "d_a": d_a, "d_h0": carry} | pooling(W_ih, x, past, d_a, d_a)
    gradients["d_weight_hh"][2 * H :] = pooled([da[2 * H :] for da in d_a], trace["s"])  # W_hh[n] has read s(t)
    return gradients


# LSTM (SPEC 15.1, 15.4, 15.6)


def lstm_gates(a, numbers):
    """i(t), f(t), g(t), o(t) from a(t) (SPEC 15.1)."""
    kinds = ["sigmoid", "sigmoid", "tanh", "sigmoid"]
    return [activate(kind, block, numbers) for kind, block in zip(kinds, blocks(a, len(a) // 4), strict=True)]


def lstm_forward(params, x, h0, c0, numbers):
    """SPEC 15.1, 15.6: the trace {a, c, h} of one sequence or, with a projection, {a, c, m, h}."""
    H = len(c0)
    W_ih, W_hh, W_hr = params["weight_ih"], params["weight_hh"], params.get("weight_hr")
    b_ih, b_hh = bias(params, "bias_ih"), bias(params, "bias_hh")
    trace = {"a": [], "c": [], "m": [], "h": []}
    h, c = h0, c0
    for x_t in x:
        a = add(affine(W_ih, x_t, b_ih), affine(W_hh, h, b_hh))
        i, f, g, o = lstm_gates(a, numbers)
        c = [f[j] * c[j] + i[j] * g[j] for j in range(H)]
        m = [o[j] * numbers.tanh(c[j]) for j in range(H)]
        h = m if W_hr is None else matrix_vector(W_hr, m)
        trace["a"].append(a)
        trace["c"].append(c)
        trace["m"].append(m)
        trace["h"].append(h)
    if W_hr is None:
        del trace["m"]  # it is h
    return trace


def lstm_backward(params, x, h0, c0, trace, above, d_h_n, d_c_n, truncate, numbers):
    """SPEC 15.4, 15.6, the adjoint of 15.1, from the last step to the first; then what is pooled, SPEC 15.5."""
    H, T = len(c0), len(x)
    W_ih, W_hh, W_hr = params["weight_ih"], params["weight_hh"], params.get("weight_hr")
    h_past, c_past = before(h0, trace["h"]), before(c0, trace["c"])
    d_h, d_m, d_c, d_a = [None] * T, [None] * T, [None] * T, [None] * T
    carry_h, carry_c = d_h_n, d_c_n
    for t in reversed(range(T)):
        c_before = c_past[t]
        i, f, g, o = lstm_gates(trace["a"][t], numbers)
        tanh_c = activate("tanh", trace["c"][t], numbers)
        dh = add(above[t], carry_h)  # h(t) is read above, and by a(t+1), at the last step by h_n
        dm = dh if W_hr is None else row_matrix(dh, W_hr)  # h(t) = W_hr m(t)
        dc, da_i, da_f, da_g, da_o = [0] * H, [0] * H, [0] * H, [0] * H, [0] * H
        for j in range(H):
            do = dm[j] * tanh_c[j]  # m(t) = o(t) * tanh(c(t))
            dc[j] = (
                dm[j] * o[j] * (1 - tanh_c[j] * tanh_c[j])  # the same line
                + carry_c[j]  # c(t) is read by c(t+1) too, at the last step by c_n
            )
            df = dc[j] * c_before[j]  # c(t) = f(t) * c(t-1) + i(t) * g(t)
            di = dc[j] * g[j]  # the same line
            dg = dc[j] * i[j]  # the same line
            da_o[j] = do * (o[j] * (1 - o[j]))  # o(t) = sigmoid(a[o](t))
            da_g[j] = dg * (1 - g[j] * g[j])  # g(t) = tanh(a[g](t))
            da_f[j] = df * (f[j] * (1 - f[j]))  # f(t) = sigmoid(a[f](t))
            da_i[j] = di * (i[j] * (1 - i[j]))  # i(t) = sigmoid(a[i](t))
        da = da_i + da_f + da_g + da_o
        carry_c = [dc[j] * f[j] for j in range(H)]  # c(t) = f(t) * c(t-1) + i(t) * g(t)
        carry_h = row_matrix(da, W_hh)  # a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh
        if not crosses(t, truncate):
            carry_h, carry_c = zeros_like(carry_h), zeros_like(carry_c)
        d_h[t], d_m[t], d_c[t], d_a[t] = dh, dm, dc, da
    gradients = {"d_h": d_h, "d_c": d_c, "d_a": d_a, "d_h0": carry_h, "d_c0": carry_c}
    if W_hr is not None:
        gradients |= {"d_m": d_m, "d_weight_hr": pooled(d_h, trace["m"])}
    return gradients | pooling(W_ih, x, h_past, d_a, d_a)


# Which cell (SPEC 12.1)


def cell_forward(case, params, x, start, numbers):
    """The trace of one sequence; start has the states before it, h and, of an LSTM, c."""
    if case["cell"] == "rnn":
        return rnn_forward(params, x, start["h"], case["nonlinearity"], numbers)
    if case["cell"] == "lstm":
        return lstm_forward(params, x, start["h"], start["c"], numbers)
    if case["reset"] == "after":
        return gru_after_forward(params, x, start["h"], numbers)
    return gru_before_forward(params, x, start["h"], numbers)


def cell_backward(case, params, x, start, trace, above, d_end, numbers):
    """The gradients of one sequence; d_end has what is sent into the states after it."""
    k = case["truncate"]
    if case["cell"] == "rnn":
        f = case["nonlinearity"]
        return rnn_backward(params, x, start["h"], trace, above, d_end["h"], f, k, numbers)
    if case["cell"] == "lstm":
        return lstm_backward(params, x, start["h"], start["c"], trace, above, d_end["h"], d_end["c"], k, numbers)
    if case["reset"] == "after":
        return gru_after_backward(params, x, start["h"], trace, above, d_end["h"], k, numbers)
    return gru_before_backward(params, x, start["h"], trace, above, d_end["h"], k, numbers)


# Output layer (SPEC 3.5, 5.8)


def output_forward(case, one, h, numbers):
    """SPEC 3.5; h is the output of the stack."""
    W2, b2 = one["output.weight"], one["output.bias"]
    z = [affine(W2, h_t, b2) for h_t in h]
    y = [activate(case["activation"], z_t, numbers) for z_t in z]
    return {"z": z, "y": y}


def output_backward(case, one, d_y, numbers):
    """SPEC 5.8, the adjoint of 3.5."""
    W2, h, y = one["output.weight"], one["output"], one["y"]
    d_z = [activate_backward(case["activation"], d_y[t], y[t], numbers) for t in range(len(y))]  # y(t) = f2(z(t))
    d_output = [row_matrix(dz, W2) for dz in d_z]  # z(t) = W2 h(t) + b2
    return {"d_z": d_z, "d_output": d_output, "d_output.weight": pooled(d_z, h), "d_output.bias": add(*d_z)}


# Divergences of one step (SPEC 8.5): div(y, d) and ∂div/∂y


def squared_error(y, d, numbers):
    """1/2 sum (y_i - d_i)²"""
    return sum((y[i] - d[i]) * (y[i] - d[i]) for i in range(len(y))) / 2


def squared_error_gradient(y, d, numbers):
    """y_i - d_i"""
    return [y[i] - d[i] for i in range(len(y))]


def cross_entropy(y, d, numbers):
    """-sum d_i log y_i; where d_i is 0 the term is 0, whatever y_i is"""
    return -sum(d[i] * numbers.log(y[i]) for i in range(len(y)) if not numbers.zero(d[i]))


def cross_entropy_gradient(y, d, numbers):
    """-d_i / y_i"""
    return [0 if numbers.zero(d[i]) else numbers.divide(-d[i], y[i]) for i in range(len(y))]


def kl(y, d, numbers):
    """sum d_i log d_i - sum d_i log y_i"""
    return cross_entropy(y, d, numbers) - cross_entropy(d, d, numbers)


def binary_cross_entropy(y, d, numbers):
    """-sum (d_i log y_i + (1-d_i) log(1-y_i))"""
    return cross_entropy(y, d, numbers) + cross_entropy([1 - y_i for y_i in y], [1 - d_i for d_i in d], numbers)


def binary_cross_entropy_gradient(y, d, numbers):
    """-d_i/y_i + (1-d_i)/(1-y_i)"""
    of_y = cross_entropy_gradient(y, d, numbers)
    of_1_y = cross_entropy_gradient([1 - y_i for y_i in y], [1 - d_i for d_i in d], numbers)
    return [of_y[i] - of_1_y[i] for i in range(len(y))]


def negative_log_likelihood(y, d, numbers):
    """-sum d_i y_i; where d_i is 0 the term is 0, whatever y_i is"""
    return -sum(d[i] * y[i] for i in range(len(y)) if not numbers.zero(d[i]))


def negative_log_likelihood_gradient(y, d, numbers):
    """-d_i"""
    return [-d_i for d_i in d]


def softmax_cross_entropy(y, d, numbers):
    """-sum d_i log_softmax(y)_i, on logits y (SPEC 8.6)"""
    return negative_log_likelihood(log_softmax(y, numbers), d, numbers)


def softmax_cross_entropy_gradient(y, d, numbers):
    """softmax(y)_i · sum over j of d_j - d_i (SPEC 8.6)"""
    p, total = softmax(y, numbers), sum(d)
    return [p[i] * total - d[i] for i in range(len(y))]


LOCAL_DIVERGENCES = {
    "squared_error": (squared_error, squared_error_gradient),
    "cross_entropy": (cross_entropy, cross_entropy_gradient),
    "kl": (kl, cross_entropy_gradient),
    "binary_cross_entropy": (binary_cross_entropy, binary_cross_entropy_gradient),
    "negative_log_likelihood": (negative_log_likelihood, negative_log_likelihood_gradient),
    "softmax_cross_entropy": (softmax_cross_entropy, softmax_cross_entropy_gradient),
}


# Divergences of a sequence (SPEC 8.2, 8.7, 8.8): its share of DIV, and dy at every step


def one_hot(index, O, numbers):
    """d_i = [i = index] (SPEC 8.3)."""
    return [numbers.number(1 if i == index else 0) for i in range(O)]


def local_divergence(name, y, target, w, numbers):
    """SPEC 8.2: a sum over the steps; those of weight 0 are not read. target has vectors, or class indices."""
    value, gradient = LOCAL_DIVERGENCES[name]
    div, dy = 0, zeros_like(y)
    for t in range(len(y)):
        if numbers.zero(w[t]):
            continue
        d = target[t] if isinstance(target[t], list) else one_hot(target[t], len(y[t]), numbers)
        div = div + w[t] * value(y[t], d, numbers)
        dy[t] = [w[t] * g for g in gradient(y[t], d, numbers)]
    return div, dy


def mean_pooled_cross_entropy(y, index, w, v, numbers):
    """SPEC 8.7: of the weighted mean of y over the steps, with one class index for the whole sequence."""
    read = [t for t in range(len(y)) if not numbers.zero(w[t])]
    O, total = len(y[0]), sum(w[t] for t in read)
    d = one_hot(index, O, numbers)
    pooled_y = [sum(w[t] * y[t][i] for t in read) / total for i in range(O)]
    gradient = softmax_cross_entropy_gradient(pooled_y, d, numbers)
    dy = zeros_like(y)
    for t in read:
        dy[t] = [v * w[t] / total * g for g in gradient]
    return v * softmax_cross_entropy(pooled_y, d, numbers), dy


# CTC (SPEC 8.8, 8.9, 8.10). Logarithms of probabilities; that of no path at all is None.


def ctc_classes(labels, blank):
    """c(s), the classes of the states: blank l_1 blank … l_S blank (SPEC 8.9)."""
    classes = [blank]
    for label in labels:
        classes += [label, blank]
    return classes


def skips(classes, s, blank):
    """skip(s): whether a path may come to state s from s-2, over the blank between (SPEC 8.9)."""
    return 2 <= s < len(classes) and classes[s] != blank and classes[s] != classes[s - 2]


def log_product(*terms):
    """The logarithm of a product; None where a factor is no path."""
    return None if any(term is None for term in terms) else sum(terms)


def log_sum_exp(terms, numbers):
    """lse: the logarithm of a sum, shifted by the maximum; None where there is no path among the terms (SPEC 8.9)."""
    terms = [term for term in terms if term is not None]
    if not terms:
        return None
    m = largest(terms, numbers)
    return m + numbers.log(sum(numbers.exp(term - m) for term in terms))


def ctc_alpha(log_y, classes, blank, numbers):
    """alpha(t, s): of all ways to state s up to step t, this step included (SPEC 8.9)."""
    states = range(len(classes))
    alpha = [[log_y[0][s] if s < 2 else None for s in states]]
    for t in range(1, len(log_y)):
        was = alpha[t - 1]
        alpha.append([])
        for s in states:
            ways = [was[s]]
            if s >= 1:
                ways.append(was[s - 1])
            if skips(classes, s, blank):
                ways.append(was[s - 2])
            alpha[t].append(log_product(log_y[t][s], log_sum_exp(ways, numbers)))
    return alpha


def ctc_beta(log_y, classes, blank, numbers):
    """beta(t, s): of all ways from state s on, from step t, this step included (SPEC 8.9)."""
    last = len(classes) - 1
    states = range(len(classes))
    beta = [[log_y[-1][s] if s > last - 2 else None for s in states]]
    for t in reversed(range(len(log_y) - 1)):
        then = beta[0]
        beta.insert(0, [])
        for s in states:
            ways = [then[s]]
            if s + 1 <= last:
                ways.append(then[s + 1])
            if skips(classes, s + 2, blank):
                ways.append(then[s + 2])
            beta[0].append(log_product(log_y[t][s], log_sum_exp(ways, numbers)))
    return beta


def ctc(y, labels, blank, zero_infinity, v, numbers):
    """SPEC 8.8 to 8.10: -log of the probability of all paths that spell the labels."""
    n, classes = len(y), ctc_classes(labels, blank)
    states = range(len(classes))
    log_y = [[log_p[c] for c in classes] for log_p in (log_softmax(y_t, numbers) for y_t in y)]
    log_y = [[None if numbers.minus_infinity(log_p) else log_p for log_p in step] for step in log_y]
    alpha = ctc_alpha(log_y, classes, blank, numbers)
    beta = ctc_beta(log_y, classes, blank, numbers)
    log_p = log_sum_exp(alpha[-1][-2:], numbers)
    if log_p is None:
        if zero_infinity:
            return 0, zeros_like(y)
        nan = numbers.number(float("nan"))
        return numbers.number(float("inf")), [[nan] * len(y_t) for y_t in y]
    dy = []
    for t in range(n):
        g = [0] * len(y[t])
        for s in states:
            through = log_product(alpha[t][s], beta[t][s])
            if through is not None:
                g[classes[s]] = g[classes[s]] + numbers.exp(through - log_y[t][s] - log_p)
        p, total = softmax(y[t], numbers), sum(g)
        dy.append([v * (p[k] * total - g[k]) for k in range(len(g))])
    return v * -log_p, dy


def divergence(case, one, y, numbers):
    """The share of one sequence in DIV, and its dy; w and v of it as `reduced` has them."""
    name, target, w, v = case["divergence"], one["target"], one["w"], one["v"]
    if name == "ctc":
        labels = [label for label in target if label >= 0]
        if case["reduction"] == "mean":
            v = v / max(len(labels), 1)
        return ctc(y, labels, case["blank"], case["zero_infinity"], v, numbers)
    if name == "mean_pooled_cross_entropy":
        return mean_pooled_cross_entropy(y, target, w, v, numbers)
    return local_divergence(name, y, target, w, numbers)


# Layers and directions (SPEC 4.1, 4.5, 5.6, 5.7)
#
# `one` has the tensors of one sequence by their names (SPEC 10.3): what is given and, backward, what forward gave.


def directions(case, layer):
    """Of each, forward first: its suffix in names, its row of a state, whether it is reverse (SPEC 1.2, 1.4)."""
    if not case["bidirectional"]:
        return [(f"l{layer}", layer, False)]
    return [(f"l{layer}", 2 * layer, False), (f"l{layer}_reverse", 2 * layer + 1, True)]


def recurrent_name(case, name, place):
    """The full name of a parameter of one direction, of which place is the suffix (SPEC 1.4, 1.5)."""
    return f"rnn.{name}_{place}" if case["O"] > 0 else f"{name}_{place}"


def parameters(case, one, place):
    """The parameters of one direction; with no bias, and no projection, there are fewer (SPEC 1.4, 12.2)."""
    names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"]
    full = {name: recurrent_name(case, name, place) for name in names}
    return {name: one[full[name]] for name in names if full[name] in one}


def traced_names(case):
    """What a direction traces, in the order of computation (SPEC 12.5)."""
    if case["cell"] == "lstm":
        return ["a", "c", "m", "h"] if case["proj_size"] > 0 else ["a", "c", "h"]
    if case["cell"] == "gru":
        return ["a", "q", "h"] if case["reset"] == "after" else ["a", "s", "h"]
    return ["a", "h"]


def state_sizes(case):
    """The features of each state: h and, of an LSTM, c (SPEC 12.5)."""
    return {"h": case["proj_size"] or case["H"], "c": case["H"]} if case["cell"] == "lstm" else {"h": case["H"]}


def states(case, one, form, row):
    """A row of h0 and c0, or of d_h_n and d_c_n, by the form of their names; zeros where not given (SPEC 3.4, 5.1)."""
    given = {name: one.get(form.format(name)) for name in state_sizes(case)}
    return {name: given[name][row] if given[name] else [0] * size for name, size in state_sizes(case).items()}


def in_reading_order(steps, reverse):
    """From the order of t to that in which a direction reads, and back (SPEC 4.2)."""
    return steps[::-1] if reverse else steps


def dropped_out(case, one, gap, steps, numbers):
    """What passes between layers gap and gap + 1, and on the way back its gradient (SPEC 4.6, 5.7)."""
    if "dropout_masks" not in one:
        return steps
    mask, scale = one["dropout_masks"][gap], numbers.number(1 - case["dropout"])
    return [[v / scale if keep else 0 for v, keep in zip(steps[t], mask[t], strict=True)] for t in range(len(steps))]


def layer_output(case, one, layer):
    """output(t) = [h_forward(t), h_reverse(t)] (SPEC 4.1)"""
    parts = [in_reading_order(one[f"h_{place}"], reverse) for place, _, reverse in directions(case, layer)]
    return [[feature for h in of_t for feature in h] for of_t in zip(*parts, strict=True)]


def layer_input(case, one, layer, numbers):
    """x for layer 0, else the output of the layer below, dropped out (SPEC 4.5)."""
    return one["x"] if layer == 0 else dropped_out(case, one, layer - 1, layer_output(case, one, layer - 1), numbers)


def stack_forward(case, one, numbers):
    """SPEC 4.5: the traces of all layers and directions, the last states, and the output."""
    run = {f"{name}_n": [] for name in state_sizes(case)}
    for layer in range(case["num_layers"]):
        x = layer_input(case, one | run, layer, numbers)
        for place, row, reverse in directions(case, layer):
            start = states(case, one, "{}0", row)
            trace = cell_forward(case, parameters(case, one, place), in_reading_order(x, reverse), start, numbers)
            for name, steps in trace.items():
                run[f"{name}_{place}"] = steps
            for name in state_sizes(case):
                run[f"{name}_n"].append(trace[name][-1])
    run["output"] = layer_output(case, run, case["num_layers"] - 1)
    return run


def stack_backward(case, one, d_output, numbers):
    """SPEC 5.6, 5.7: layers from the last to the first, in each both directions, x being read by both."""
    d, P = {}, state_sizes(case)["h"]
    d_starts = []
    above = d_output
    for layer in reversed(range(case["num_layers"])):
        x = layer_input(case, one, layer, numbers)
        d_x, d_rows = zeros_like(x), []
        for place, row, reverse in directions(case, layer):
            params = parameters(case, one, place)
            trace = {name: one[f"{name}_{place}"] for name in traced_names(case)}
            half = [d_t[P:] if reverse else d_t[:P] for d_t in above]
            gradients = cell_backward(
                case,
                params,
                in_reading_order(x, reverse),
                states(case, one, "{}0", row),
                trace,
                in_reading_order(half, reverse),
                states(case, one, "d_{}_n", row),
                numbers,
            )
            d_x = add(d_x, in_reading_order(gradients["d_x"], reverse))
            d_rows.append({name: gradients[f"d_{name}0"] for name in state_sizes(case)})
            for name in trace:
                d[f"d_{name}_{place}"] = gradients[f"d_{name}"]
            for name in params:
                d[f"d_{recurrent_name(case, name, place)}"] = gradients[f"d_{name}"]
        d_starts = d_rows + d_starts
        if layer > 0:
            above = dropped_out(case, one, layer - 1, d_x, numbers)
    d["d_x"] = d_x
    for name in state_sizes(case):
        d[f"d_{name}0"] = [d_row[name] for d_row in d_starts]
    return d


# The batch and its layouts (SPEC 1.2, 10.3)


def kind(case, name):
    """What a tensor is by its name: trace, state, masks, series, or, of a target, sequence; None for all others."""
    bare = name.removeprefix("d_")
    if bare[1:3] == "_l":
        return "trace"
    if bare in ("h0", "c0", "h_n", "c_n"):
        return "state"
    if bare == "dropout_masks":
        return "masks"
    if bare == "target" and case["target"] in ("sequence", "labels"):
        return "sequence"
    return "series" if bare in ("x", "output", "z", "y", "target", "weights") else None


def separate(case, given, tensors, numbers):
    """The tensors of each sequence, without padding and without the axis of the batch; parameters go to all of them."""
    lengths = given.get("lengths", [case["T"]] * case["B"])
    parts = [{name: part(case, name, tensors[name], b, n) for name in tensors} for b, n in enumerate(lengths)]
    return reduced(case, parts, numbers) if case["O"] > 0 else parts


def reduced(case, parts, numbers):
    """To the tensors of each sequence its w and v, which are shares of the whole batch (SPEC 8.4, 8.7, 8.8)."""
    w = [one.get("weights", [numbers.number(1)] * len(one["x"])) for one in parts]
    v = numbers.number(1)
    if case["reduction"] == "mean" and case["divergence"] in LOCAL_DIVERGENCES:
        total = sum(sum(w_b) for w_b in w)
        w = [[w_t / total for w_t in w_b] for w_b in w]
    elif case["reduction"] == "mean":
        v = v / case["B"]
    return [one | {"w": w_b, "v": v} for one, w_b in zip(parts, w, strict=True)]


def part(case, name, value, b, n):
    """What sequence b, of n real steps, has of a tensor."""
    what = kind(case, name)
    if what == "trace":
        return [step[b] for step in value[:n]]
    if what is None or (what in ("state", "masks", "sequence") and case["layout"] == "unbatched"):
        return value
    if what == "state":
        return [row[b] for row in value]
    if what == "masks":
        return [[step[b] for step in gap] for gap in value]
    if what == "sequence" or case["layout"] == "batch_first":
        return value[b][:n] if what == "series" else value[b]
    return value[:n] if case["layout"] == "unbatched" else [step[b] for step in value[:n]]


def together(case, parts):
    """The tensors of a batch from those of its sequences: 0 past their ends (SPEC 6.5); what is no series is summed."""
    return {name: whole(case, name, [one[name] for one in parts]) for name in parts[0]}


def whole(case, name, values):
    """A tensor of the batch from those of its sequences."""
    what = kind(case, name)
    if what is None:
        return add(*values)
    if what == "state":
        return values[0] if case["layout"] == "unbatched" else [list(rows) for rows in zip(*values, strict=True)]
    padded = [steps + [zeros_like(steps[0])] * (case["T"] - len(steps)) for steps in values]
    if what == "series" and case["layout"] != "time_major":
        return padded[0] if case["layout"] == "unbatched" else padded
    return [list(steps) for steps in zip(*padded, strict=True)]


# The whole, forward and backward


def forward(case, given, numbers):
    """Everything forward that a vector holds, by name (SPEC 9.1), from a case (SPEC 10.2) and its arrays (SPEC 10.3).

    Arrays are nested lists in the layout of the case. B is 1 at least: lists cannot say how wide nothing is.
    """
    runs = []
    for one in separate(case, given, given, numbers):
        run = stack_forward(case, one, numbers)
        if case["O"] > 0:
            padding = [zeros_like(run["output"][0])] * (case["T"] - len(one["x"]))
            run |= output_forward(case, one, run["output"] + padding, numbers)
            run["div"], _ = divergence(case, one, run["y"][: len(one["x"])], numbers)
        runs.append(run)
    return together(case, runs)


def backward(case, given, run, numbers):
    """Everything backward that a vector holds, by name (SPEC 9.1); run is what `forward` gave."""
    d_runs = []
    for one in separate(case, given, given | run, numbers):
        d_run = {}
        d_output = one.get("d_output", zeros_like(one["output"]))
        if case["O"] > 0:
            _, d_y = divergence(case, one, one["y"], numbers)
            d_run = {"d_y": d_y} | output_backward(case, one, d_y, numbers)
            d_output = d_run["d_output"]
        d_runs.append(d_run | stack_backward(case, one, d_output, numbers))
    return together(case, d_runs)
