// A column of long short-term memory (12, 15); a and the parameters have the blocks i f g o.
//
//     a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh        i, f, o = σ(a_i), σ(a_f), σ(a_o)        g = tanh(a_g)
//     c(t) = f c(t-1) + i g        m(t) = o tanh(c(t))        h(t) = m(t), with a projection W_hr m(t) (15.6)

import { sigmoid } from './activations.mjs'
import { biasBack, plusProduct, productBack } from './arrays.mjs'

// i, f, g, o of unit k.
const gates = (H, a, k) => [sigmoid(a[k]), sigmoid(a[H + k]), Math.tanh(a[2 * H + k]), sigmoid(a[3 * H + k])]

export const lstm = ({ H, P, proj_size }) => ({
  kept: proj_size ? { a: 4 * H, m: H } : { a: 4 * H },
  states: { h: P, c: H },

  forward(w, before, { x, a, c, h, m = h }) {
    for (let i = 0; i < 4 * H; i++) {
      a[i] = plusProduct(plusProduct(w.bias_ih[i] + w.bias_hh[i], w.weight_ih, i, x), w.weight_hh, i, before.h)
    }
    for (let k = 0; k < H; k++) {
      const [i, f, g, o] = gates(H, a, k)
      c[k] = f * before.c[k] + i * g
      m[k] = o * Math.tanh(c[k])
    }
    if (proj_size) for (let k = 0; k < P; k++) h[k] = plusProduct(0, w.weight_hr, k, m)
  },

  backward(w, before, { x, a, c, m }, d, carry, dw) {
    if (proj_size) productBack(d.h, w.weight_hr, m, d.m, dw.weight_hr) // h(t) = W_hr m(t)
    const dm = proj_size ? d.m : d.h
    for (let k = 0; k < H; k++) {
      const [i, f, g, o] = gates(H, a, k)
      const tanhC = Math.tanh(c[k])
      const dc = dm[k] * o * (1 - tanhC * tanhC) + carry.c[k] // c(t) is read by m(t) and by step t+1
      d.c[k] = dc
      d.a[k] = dc * g * (i * (1 - i)) // c(t) = f c(t-1) + i g
      d.a[H + k] = dc * before.c[k] * (f * (1 - f))
      d.a[2 * H + k] = dc * i * (1 - g * g)
      d.a[3 * H + k] = dm[k] * tanhC * (o * (1 - o)) // m(t) = o tanh(c(t))
      carry.c[k] = dc * f
    }
    productBack(d.a, w.weight_ih, x, d.x, dw.weight_ih) // a(t) = W_ih x(t) + b_ih + …
    biasBack(d.a, dw.bias_ih)
    productBack(d.a, w.weight_hh, before.h, carry.h, dw.weight_hh) // … + W_hh h(t-1) + b_hh
    biasBack(d.a, dw.bias_hh)
  },
})
