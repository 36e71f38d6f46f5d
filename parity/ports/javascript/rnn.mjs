// A column of the simple recurrent network (3, 5).
//
//     a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh        h(t) = f(a(t))

import { ACTIVATIONS } from './activations.mjs'
import { biasBack, plusProduct, productBack } from './arrays.mjs'

export function rnn({ H, nonlinearity }) {
  const f = ACTIVATIONS[nonlinearity]
  return {
    kept: { a: H },
    states: { h: H },

    forward(w, before, { x, a, h }) {
      for (let i = 0; i < H; i++) {
        a[i] = plusProduct(plusProduct(w.bias_ih[i] + w.bias_hh[i], w.weight_ih, i, x), w.weight_hh, i, before.h)
      }
      h.set(f.value(a))
    },

    backward(w, before, { x, h }, d, carry, dw) {
      d.a.set(f.back(d.h, h)) // h(t) = f(a(t))
      productBack(d.a, w.weight_ih, x, d.x, dw.weight_ih) // a(t) = W_ih x(t) + b_ih + …
      biasBack(d.a, dw.bias_ih)
      productBack(d.a, w.weight_hh, before.h, carry.h, dw.weight_hh) // … + W_hh h(t-1) + b_hh
      biasBack(d.a, dw.bias_hh)
    },
  }
}
