"""The specification, executable: everything that SPEC.md defines, forward and backward, in loops over lists.

It imports nothing and knows no type of number. Numbers are added, subtracted, multiplied and divided with `+ - * /`; whatever
else is needed of them is asked of an argument `numbers`, which has

    number(x)              an int or a float as a number, exactly, infinities and NaN among them
    exp(a) expm1(a) log(a) log1p(a) tanh(a)        log(0) is -inf, where there is such a number (SPEC 1.7)
    divide(a, b)           a / b, where b may be 0 (SPEC 1.7)
    positive(a)            not (a <= 0): the gate of relu (SPEC 2.5). Who cannot tell raises
    zero(a)                whether a weight or target is exactly 0 (SPEC 8.2, 8.5). Who cannot tell raises
    minus_infinity(a)      whether a is -inf, the logarithm of no path at all (SPEC 8.9)
    larger(a, b)           a guess whether a > b. It chooses between formulas that are equal in exact arithmetic, but not in
                           floating point (SPEC 2.9): any answer is right

So the same lines run on floats, complex numbers, fractions, enclosures and symbols. An exact zero may come out as the integer 0.

Vectors are lists, matrices lists of rows. The functions of a cell take one sequence, a list of its real steps: padding never
comes near them (SPEC 6.2), and a reverse direction is the same function on the reversed list (SPEC 4.2). What belongs to the
batch, the layers and the layouts stands at the end: `forward` and `backward`.
"""

# ---- Vectors and matrices ----------------------------------------------------------------------------------------------


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
    """d W: element j is the sum over i of d_i W[i, j]. It takes a gradient back from where W leads to where it comes from."""
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


# ---- Activations, SPEC 2: y from z, and dz from dy and y -------------------------------------------------------------


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


# ---- What the cells share ----------------------------------------------------------------------------------------------
#
# A direction of a layer has params weight_ih, weight_hh, bias_ih, bias_hh and, of a projected LSTM, weight_hr (SPEC 1.4, 12.2).
# x is a list of steps; h0, and c0 of an LSTM, are the states before the first. A trace has what SPEC 12.5 lists, step by step.
#
# A backward pass is given above, what arrives at h(t) from above at every step; d_h_n, and d_c_n of an LSTM, what is sent into
# the last states; and truncate (SPEC 7.1). It gives d_x, d_h0, d_c0, the gradients of the trace, and those of the parameters.


def bias(params, name):
    """A bias, or zeros where there is none: neither (`bias = false`), or one alone, which then stands for the sum (SPEC 0.9)."""
    return params.get(name, [0] * len(params["weight_ih"]))


def before(first, states):
    """h(t-1) for every t: h(-1), h(0), …, h(T-2) (SPEC 0.4, 0.5)."""
    return [first, *states[:-1]]


def crosses(t, truncate):
    """Whether a gradient goes from step t to the step before, which it does but for the first of a chunk (SPEC 7.1)."""
    return truncate == 0 or t == 0 or t % truncate != 0


# ---- RNN, SPEC 3 and 5 -------------------------------------------------------------------------------------------------


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
    return {
        "d_h": d_h,
        "d_a": d_a,
        "d_x": [row_matrix(da, W_ih) for da in d_a],
        "d_h0": carry,
        "d_weight_ih": pooled(d_a, x),
        "d_weight_hh": pooled(d_a, before(h0, h)),
        "d_bias_ih": add(*d_a),
        "d_bias_hh": add(*d_a),
    }


# ---- GRU, SPEC 13 and 14 -----------------------------------------------------------------------------------------------


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
    h_before = before(h0, trace["h"])
    d_h, d_q, d_a, d_product = [None] * T, [None] * T, [None] * T, [None] * T
    carry = d_h_n
    for t in reversed(range(T)):
        h, q = h_before[t], trace["q"][t]
        r, z, n = gru_gates(trace["a"][t], numbers)
        dh = add(above[t], carry)  # h(t) is read above, and by step t+1, at the last step by h_n
        da_r, da_z, da_n, dq = [0] * H, [0] * H, [0] * H, [0] * H
        for j in range(H):
            dn = dh[j] * (1 - z[j])  # h(t) = n(t) + z(t) * (h(t-1) - n(t))
            dz = dh[j] * (h[j] - n[j])  # the same line
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
    return {
        "d_h": d_h,
        "d_q": d_q,
        "d_a": d_a,
        "d_x": [row_matrix(da, W_ih) for da in d_a],
        "d_h0": carry,
        "d_weight_ih": pooled(d_a, x),
        "d_weight_hh": pooled(d_product, h_before),
        "d_bias_ih": add(*d_a),
        "d_bias_hh": add(*d_product),
    }


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
    h_before = before(h0, trace["h"])
    d_h, d_s, d_a = [None] * T, [None] * T, [None] * T
    carry = d_h_n
    for t in reversed(range(T)):
        h = h_before[t]
        r, z, n = gru_gates(trace["a"][t], numbers)
        dh = add(above[t], carry)  # h(t) is read above, and by step t+1, at the last step by h_n
        da_r, da_z, da_n = [0] * H, [0] * H, [0] * H
        for j in range(H):
            dn = dh[j] * (1 - z[j])  # h(t) = n(t) + z(t) * (h(t-1) - n(t))
            dz = dh[j] * (h[j] - n[j])  # the same line
            da_n[j] = dn * (1 - n[j] * n[j])  # n(t) = tanh(a[n](t))
            da_z[j] = dz * (z[j] * (1 - z[j]))  # z(t) = sigmoid(a[z](t))
        ds = row_matrix(da_n, W_hh[2 * H :])  # a[n](t) = W_ih[n] x(t) + b_ih[n] + W_hh[n] s(t) + b_hh[n]
        for j in range(H):
            dr = ds[j] * h[j]  # s(t) = r(t) * h(t-1)
            da_r[j] = dr * (r[j] * (1 - r[j]))  # r(t) = sigmoid(a[r](t))
        carry = add(
            [dh[j] * z[j] for j in range(H)],  # h(t) = n(t) + z(t) * (h(t-1) - n(t))
            [ds[j] * r[j] for j in range(H)],  # s(t) = r(t) * h(t-1)
            row_matrix(da_r + da_z, W_hh[: 2 * H]),  # a[r](t), a[z](t): W_hh h(t-1) + b_hh
        )
        if not crosses(t, truncate):
            carry = zeros_like(carry)
        d_h[t], d_s[t], d_a[t] = dh, ds, da_r + da_z + da_n
    return {
        "d_h": d_h,
        "d_s": d_s,
        "d_a": d_a,
        "d_x": [row_matrix(da, W_ih) for da in d_a],
        "d_h0": carry,
        "d_weight_ih": pooled(d_a, x),
        "d_weight_hh": pooled([da[: 2 * H] for da in d_a], h_before) + pooled([da[2 * H :] for da in d_a], trace["s"]),
        "d_bias_ih": add(*d_a),
        "d_bias_hh": add(*d_a),
    }


# ---- LSTM, SPEC 15 -----------------------------------------------------------------------------------------------------


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
    h_before, c_before = before(h0, trace["h"]), before(c0, trace["c"])
    d_h, d_m, d_c, d_a = [None] * T, [None] * T, [None] * T, [None] * T
    carry_h, carry_c = d_h_n, d_c_n
    for t in reversed(range(T)):
        c = c_before[t]
        i, f, g, o = lstm_gates(trace["a"][t], numbers)
        tanh_c = activate("tanh", trace["c"][t], numbers)
        dh = add(above[t], carry_h)  # h(t) is read above, and by a(t+1), at the last step by h_n
        dm = dh if W_hr is None else row_matrix(dh, W_hr)  # h(t) = W_hr m(t)
        dc, da_i, da_f, da_g, da_o = [0] * H, [0] * H, [0] * H, [0] * H, [0] * H
        for j in range(H):
            do = dm[j] * tanh_c[j]  # m(t) = o(t) * tanh(c(t))
            dc[j] = dm[j] * o[j] * (1 - tanh_c[j] * tanh_c[j])  # the same line
            dc[j] = dc[j] + carry_c[j]  # c(t) is read by c(t+1) too, at the last step by c_n
            df = dc[j] * c[j]  # c(t) = f(t) * c(t-1) + i(t) * g(t)
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
    gradients = {
        "d_h": d_h,
        "d_m": d_m,
        "d_c": d_c,
        "d_a": d_a,
        "d_x": [row_matrix(da, W_ih) for da in d_a],
        "d_h0": carry_h,
        "d_c0": carry_c,
        "d_weight_ih": pooled(d_a, x),
        "d_weight_hh": pooled(d_a, h_before),
        "d_bias_ih": add(*d_a),
        "d_bias_hh": add(*d_a),
    }
    if W_hr is None:
        del gradients["d_m"]  # it is d_h
    else:
        gradients["d_weight_hr"] = pooled(d_h, trace["m"])
    return gradients


# ---- Which cell, SPEC 12.1 ---------------------------------------------------------------------------------------------


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


# ---- Output layer, SPEC 3.5 and 5.8 ------------------------------------------------------------------------------------


def output_forward(W2, b2, h, activation, numbers):
    """SPEC 3.5: z(t) and y(t) of one sequence, h the output of the stack."""
    z = [affine(W2, h_t, b2) for h_t in h]
    return z, [activate(activation, z_t, numbers) for z_t in z]


def output_backward(W2, h, y, d_y, activation, numbers):
    """SPEC 5.8, the adjoint of 3.5."""
    d_z = [activate_backward(activation, d_y[t], y[t], numbers) for t in range(len(y))]  # y(t) = f2(z(t))
    return {
        "d_z": d_z,
        "d_output": [row_matrix(dz, W2) for dz in d_z],  # z(t) = W2 h(t) + b2
        "d_output.weight": pooled(d_z, h),
        "d_output.bias": add(*d_z),
    }


# ---- Divergences of one step, SPEC 8.5: div(y, d) and ∂div/∂y ----------------------------------------------------------


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


# ---- Divergences of a sequence, SPEC 8.2, 8.7, 8.8: its share of DIV, and dy at every step -----------------------------


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


# CTC, SPEC 8.8 to 8.10. Logarithms of probabilities; that of no path at all is None.


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
    return None if None in terms else sum(terms)


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


# ---- Layouts, SPEC 1.2 -------------------------------------------------------------------------------------------------


def lengths_of(case, given):
    """The number of real steps of each sequence (SPEC 6.1)."""
    return given.get("lengths", [case["T"]] * case["B"])


def sequences(case, given, series):
    """The real steps of each sequence of a series, in the layout of the case."""
    if case["layout"] == "unbatched":
        series = [series]
    elif case["layout"] == "time_major":
        series = traced_sequences(case, given, series)
    return [series[b][:n] for b, n in enumerate(lengths_of(case, given))]


def traced_sequences(case, given, series):
    """The real steps of each sequence of a trace, (T, B, ·) in every layout."""
    return [[series[t][b] for t in range(n)] for b, n in enumerate(lengths_of(case, given))]


def padded(case, each):
    """Sequences of T steps, 0 past their ends (SPEC 6.5)."""
    return [steps + [zeros_like(steps[0])] * (case["T"] - len(steps)) for steps in each]


def in_layout(case, each):
    """The series of sequences of T steps, in the layout of the case."""
    if case["layout"] == "unbatched":
        return each[0]
    return each if case["layout"] == "batch_first" else traced(case, each)


def traced(case, each):
    """The series of sequences of T steps, (T, B, ·)."""
    return [[steps[t] for steps in each] for t in range(case["T"])]


def batch(case, values):
    """One value a sequence, as a row of a state, or as the target of SPEC 8.7 or 8.8: unbatched there is but one."""
    return values[0] if case["layout"] == "unbatched" else values


def of_sequence(case, values, b):
    """What `batch` has of sequence b."""
    return values if case["layout"] == "unbatched" else values[b]


# ---- Layers and directions, SPEC 4 -------------------------------------------------------------------------------------


def directions(case):
    """The suffixes of the directions, forward first (SPEC 1.4)."""
    return ["", "_reverse"] if case["bidirectional"] else [""]


def prefix(case):
    """Of the recurrent parameters (SPEC 1.5)."""
    return "rnn." if case["O"] > 0 else ""


def parameters(case, given, place):
    """The parameters of one direction of one layer, of which place is the suffix (SPEC 1.4, 12.2)."""
    names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"]
    full = {name: f"{prefix(case)}{name}_{place}" for name in names}
    return {name: given[full[name]] for name in names if full[name] in given}


def state_sizes(case):
    """The features of each state: h and, of an LSTM, c (SPEC 12.5)."""
    if case["cell"] == "lstm":
        return {"h": case["proj_size"] or case["H"], "c": case["H"]}
    return {"h": case["H"]}


def states(case, given, form, row, b):
    """Row l·D + d of the given states of sequence b, zeros where not given; form is "{}0" or "d_{}_n" (SPEC 3.4, 5.1)."""
    found = {}
    for name, size in state_sizes(case).items():
        rows = given.get(form.format(name))
        found[name] = [0] * size if rows is None else of_sequence(case, rows[row], b)
    return found


def reading_order(steps, suffix):
    """From t to the order in which a direction reads, and back (SPEC 4.2)."""
    return steps[::-1] if suffix else steps


def side_by_side(parts):
    """The features of both directions at every step (SPEC 4.1)."""
    return [[feature for part in parts for feature in part[t]] for t in range(len(parts[0]))]


def features_of(steps, d, P):
    """The features of direction d: 0..P-1 forward, P..2P-1 reverse (SPEC 5.6)."""
    return [step[d * P : (d + 1) * P] for step in steps]


def dropped_out(case, given, gap, each, numbers):
    """Dropout between layers gap and gap + 1, or its adjoint, which is the same (SPEC 4.6, 5.7)."""
    if "dropout_masks" not in given:
        return each
    mask, scale = given["dropout_masks"][gap], numbers.number(1 - case["dropout"])
    return [
        [
            [value / scale if keep else 0 for value, keep in zip(step, of_sequence(case, mask[t], b), strict=True)]
            for t, step in enumerate(steps)
        ]
        for b, steps in enumerate(each)
    ]


def traced_names(case):
    """What a direction traces, in the order of computation (SPEC 12.5)."""
    if case["cell"] == "lstm":
        return ["a", "c", "m", "h"] if case["proj_size"] > 0 else ["a", "c", "h"]
    if case["cell"] == "gru":
        return ["a", "q", "h"] if case["reset"] == "after" else ["a", "s", "h"]
    return ["a", "h"]


def layer_output(case, given, run, layer):
    """The output of a layer, from the traces of its directions (SPEC 4.4)."""
    parts = []
    for suffix in directions(case):
        h = traced_sequences(case, given, run[f"h_l{layer}{suffix}"])
        parts.append([reading_order(steps, suffix) for steps in h])
    return [side_by_side(of_b) for of_b in zip(*parts, strict=True)]


def layer_input(case, given, run, layer, numbers):
    """x for layer 0, else the output of the layer below, dropped out (SPEC 4.5)."""
    if layer == 0:
        return sequences(case, given, given["x"])
    return dropped_out(case, given, layer - 1, layer_output(case, given, run, layer - 1), numbers)


# ---- The whole, forward and backward -----------------------------------------------------------------------------------


def forward(case, given, numbers):
    """Everything forward that a vector holds, by name (SPEC 9.1): case as in SPEC 10.2, given the arrays of SPEC 10.3.

    Every array is a nested list, in the layout of the case.
    """
    run = {}
    ends = {name: [] for name in state_sizes(case)}
    for layer in range(case["num_layers"]):
        x = layer_input(case, given, run, layer, numbers)
        for d, suffix in enumerate(directions(case)):
            row, place = layer * len(directions(case)) + d, f"l{layer}{suffix}"
            params = parameters(case, given, place)
            traces = [
                cell_forward(case, params, reading_order(x[b], suffix), states(case, given, "{}0", row, b), numbers)
                for b in range(case["B"])
            ]
            for name in traced_names(case):
                run[f"{name}_{place}"] = traced(case, padded(case, [trace[name] for trace in traces]))
            for name, rows in ends.items():
                rows.append(batch(case, [trace[name][-1] for trace in traces]))
    output = padded(case, layer_output(case, given, run, case["num_layers"] - 1))
    run["output"] = in_layout(case, output)
    for name, rows in ends.items():
        run[f"{name}_n"] = rows
    if case["O"] > 0:
        W2, b2 = given["output.weight"], given["output.bias"]
        each = [output_forward(W2, b2, steps, case["activation"], numbers) for steps in output]
        run["z"] = in_layout(case, [z for z, _ in each])
        run["y"] = in_layout(case, [y for _, y in each])
        run["div"], _ = divergence(case, given, run, numbers)
    return run


def weights_of(case, given, numbers):
    """w(t) at the real steps of each sequence (SPEC 8.4)."""
    if "weights" in given:
        w = sequences(case, given, given["weights"])
    else:
        w = [[numbers.number(1)] * n for n in lengths_of(case, given)]
    if case["reduction"] == "mean" and case["divergence"] in LOCAL_DIVERGENCES:
        total = sum(sum(steps) for steps in w)
        w = [[weight / total for weight in steps] for steps in w]
    return w


def divergence(case, given, run, numbers):
    """DIV, and dy at the real steps of each sequence (SPEC 8)."""
    name, target = case["divergence"], given["target"]
    y, w = sequences(case, given, run["y"]), weights_of(case, given, numbers)
    each = []
    if name in LOCAL_DIVERGENCES:
        target = sequences(case, given, target)
        each = [local_divergence(name, y[b], target[b], w[b], numbers) for b in range(case["B"])]
        return sum(div for div, _ in each), [dy for _, dy in each]
    for b in range(case["B"]):
        v = numbers.number(1) / (case["B"] if case["reduction"] == "mean" else 1)
        if name == "ctc":
            labels = [label for label in of_sequence(case, target, b) if label >= 0]
            if case["reduction"] == "mean":
                v = v / max(len(labels), 1)
            each.append(ctc(y[b], labels, case["blank"], case["zero_infinity"], v, numbers))
        else:
            each.append(mean_pooled_cross_entropy(y[b], of_sequence(case, target, b), w[b], v, numbers))
    return sum(div for div, _ in each), [dy for _, dy in each]


def backward(case, given, run, numbers):
    """Everything backward that a vector holds, by name (SPEC 9.1), from what `forward` gave."""
    if case["O"] > 0:
        d = output_layer_backward(case, given, run, numbers)
        above = sequences(case, given, d["d_output"])
    else:
        d = {}
        above = sequences(case, given, given.get("d_output", zeros_like(run["output"])))
    d_starts = {name: [] for name in state_sizes(case)}
    for layer in reversed(range(case["num_layers"])):
        of_layer, d_x, d_first = layer_backward(case, given, run, layer, above, numbers)
        d |= of_layer
        for name, rows in d_first.items():
            d_starts[name] = rows + d_starts[name]
        if layer > 0:
            above = dropped_out(case, given, layer - 1, d_x, numbers)
    d["d_x"] = in_layout(case, padded(case, d_x))
    for name, rows in d_starts.items():
        d[f"d_{name}0"] = rows
    return d


def output_layer_backward(case, given, run, numbers):
    """dy, dz, d_output and the gradients of W2 and b2, in the layout of the case."""
    W2, b2 = given["output.weight"], given["output.bias"]
    h, y = sequences(case, given, run["output"]), sequences(case, given, run["y"])
    _, d_y = divergence(case, given, run, numbers)
    each = [output_backward(W2, h[b], y[b], d_y[b], case["activation"], numbers) for b in range(case["B"])]
    return {
        "d_y": in_layout(case, padded(case, d_y)),
        "d_z": in_layout(case, padded(case, [d["d_z"] for d in each])),
        "d_output": in_layout(case, padded(case, [d["d_output"] for d in each])),
        "d_output.weight": add(zeros_like(W2), *(d["d_output.weight"] for d in each)),
        "d_output.bias": add(zeros_like(b2), *(d["d_output.bias"] for d in each)),
    }


def layer_backward(case, given, run, layer, above, numbers):
    """SPEC 5.6: the gradients of the traces and parameters by name, d_x of each sequence, and rows of d_h0 and d_c0."""
    x, P = layer_input(case, given, run, layer, numbers), state_sizes(case)["h"]
    d, d_first = {}, {name: [] for name in state_sizes(case)}
    d_x = zeros_like(x)
    for k, suffix in enumerate(directions(case)):
        row, place = layer * len(directions(case)) + k, f"l{layer}{suffix}"
        params = parameters(case, given, place)
        traces = {name: traced_sequences(case, given, run[f"{name}_{place}"]) for name in traced_names(case)}
        each = []
        for b in range(case["B"]):
            gradients = cell_backward(
                case,
                params,
                reading_order(x[b], suffix),
                states(case, given, "{}0", row, b),
                {name: steps[b] for name, steps in traces.items()},
                reading_order(features_of(above[b], k, P), suffix),
                states(case, given, "d_{}_n", row, b),
                numbers,
            )
            d_x[b] = add(d_x[b], reading_order(gradients["d_x"], suffix))
            each.append(gradients)
        for name in reversed(traced_names(case)):
            d[f"d_{name}_{place}"] = traced(case, padded(case, [gradients[f"d_{name}"] for gradients in each]))
        for name, value in params.items():
            d[f"d_{prefix(case)}{name}_{place}"] = add(
                zeros_like(value), *(gradients[f"d_{name}"] for gradients in each)
            )
        for name, rows in d_first.items():
            rows.append(batch(case, [gradients[f"d_{name}0"] for gradients in each]))
    return d, d_x, d_first
