// A column of gated recurrent units (12, 13, 14); a and the parameters have the blocks r z n.
//
//     r, z = σ(a_r), σ(a_z)        n = tanh(a_n)        h(t) = n + z (h(t-1) - n)
//
//     reset after         q(t) = W_hn h(t-1) + b_hn     a_n(t) = W_in x(t) + b_in + r q(t)
//     reset before        s(t) = r h(t-1)               a_n(t) = W_in x(t) + b_in + W_hn s(t) + b_hn

import { sigmoid } from './activations.mjs'
import { biasBack, plusProduct, productBack } from './arrays.mjs'

export const gru = ({ H, reset }) => ({ after, before })[reset](H)

// r, z, n of unit k.
const gates = (H, a, k) => [sigmoid(a[k]), sigmoid(a[H + k]), Math.tanh(a[2 * H + k])]

// h of unit k.
function state(H, a, hBefore, k) {
  const [, z, n] = gates(H, a, k)
  return n + z * (hBefore[k] - n)
}

// What dh(t) adds to da_z, da_n and dh(t-1) by h(t) = n + z (h(t-1) - n).
function stateBack(H, a, hBefore, d, carry) {
  for (let k = 0; k < H; k++) {
    const [, z, n] = gates(H, a, k)
    d.a[H + k] = d.h[k] * (hBefore[k] - n) * (z * (1 - z))
    d.a[2 * H + k] = d.h[k] * (1 - z) * (1 - n * n)
    carry.h[k] = d.h[k] * z
  }
}

const after = (H) => ({
  kept: { a: 3 * H, q: H },
  states: { h: H },

  forward(w, before, { x, a, q, h }) {
    const ofX = (i) => plusProduct(w.bias_ih[i], w.weight_ih, i, x)
    const ofH = (i) => plusProduct(w.bias_hh[i], w.weight_hh, i, before.h)
    for (let i = 0; i < 2 * H; i++) a[i] = ofX(i) + ofH(i)
    for (let k = 0; k < H; k++) {
      q[k] = ofH(2 * H + k)
      a[2 * H + k] = ofX(2 * H + k) + sigmoid(a[k]) * q[k]
      h[k] = state(H, a, before.h, k)
    }
  },

  backward(w, before, { x, a, q }, d, carry, dw) {
    stateBack(H, a, before.h, d, carry)
    for (let k = 0; k < H; k++) {
      const r = sigmoid(a[k])
      const da_n = d.a[2 * H + k]
      d.q[k] = da_n * r // a_n(t) = … + r q(t)
      d.a[k] = da_n * q[k] * (r * (1 - r))
    }
    const dOfH = d.a.slice() // [da_r da_z dq]: what W_hh h(t-1) + b_hh goes into
    dOfH.set(d.q, 2 * H)
    productBack(d.a, w.weight_ih, x, d.x, dw.weight_ih)
    biasBack(d.a, dw.bias_ih)
    productBack(dOfH, w.weight_hh, before.h, carry.h, dw.weight_hh)
    biasBack(dOfH, dw.bias_hh) // not db_ih: the two biases have gradients of their own
  },
})

// The blocks r z, and n, of rows that have all three.
function blocks(rows) {
  const end = (rows.length / 3) * 2
  return [rows.subarray(0, end), rows.subarray(end)]
}

const before = (H) => ({
  kept: { a: 3 * H, s: H },
  states: { h: H },

  forward(w, before, { x, a, s, h }) {
    const ofX = (i) => plusProduct(w.bias_ih[i] + w.bias_hh[i], w.weight_ih, i, x)
    for (let i = 0; i < 2 * H; i++) a[i] = plusProduct(ofX(i), w.weight_hh, i, before.h)
    for (let k = 0; k < H; k++) s[k] = sigmoid(a[k]) * before.h[k] // all of s, before any a_n
    for (let k = 0; k < H; k++) {
      a[2 * H + k] = plusProduct(ofX(2 * H + k), w.weight_hh, 2 * H + k, s)
      h[k] = state(H, a, before.h, k)
    }
  },

  backward(w, before, { x, a, s }, d, carry, dw) {
    stateBack(H, a, before.h, d, carry)
    const [da_rz, da_n] = blocks(d.a)
    const [w_rz, w_n] = blocks(w.weight_hh)
    const [dw_rz, dw_n] = blocks(dw.weight_hh)
    productBack(da_n, w_n, s, d.s, dw_n) // a_n(t) = … + W_hn s(t)
    for (let k = 0; k < H; k++) {
      const r = sigmoid(a[k])
      d.a[k] = d.s[k] * before.h[k] * (r * (1 - r)) // s(t) = r h(t-1)
      carry.h[k] += d.s[k] * r
    }
    productBack(da_rz, w_rz, before.h, carry.h, dw_rz) // a_r(t), a_z(t) = … + W_hr h(t-1), W_hz h(t-1)
    productBack(d.a, w.weight_ih, x, d.x, dw.weight_ih)
    biasBack(d.a, dw.bias_ih)
    biasBack(d.a, dw.bias_hh)
  },
})
