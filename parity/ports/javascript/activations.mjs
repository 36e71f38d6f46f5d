// The activations of SPEC.md (2): `value` of one step's vector z, and `back`, its vector-Jacobian product with y (2.1).

// A scalar activation: back is an elementwise product with the slope (2.2).
const scalar = (f, timesSlope) => ({
  value: (z) => z.map(f),
  back: (dy, y) => dy.map((d, i) => timesSlope(d, y[i])),
})

export function sigmoid(z) {
  const e = Math.exp(-Math.abs(z)) // never overflows (2.4)
  return z > 0 ? 1 / (1 + e) : e / (1 + e)
}

// The largest element is subtracted before exp (2.9).
const largest = (z) => z.reduce((m, v) => (v > m ? v : m))
export const sumOf = (v) => v.reduce((a, b) => a + b, 0)

function softmax(z) {
  const m = largest(z)
  const e = z.map((v) => Math.exp(v - m))
  const sum = sumOf(e)
  return e.map((v) => v / sum)
}

export function logSoftmax(z) {
  const m = largest(z)
  const log = Math.log(sumOf(z.map((v) => Math.exp(v - m))))
  return z.map((v) => v - m - log)
}

export const ACTIVATIONS = {
  identity: scalar((z) => z, (dy) => dy),
  tanh: scalar(Math.tanh, (dy, y) => dy * (1 - y * y)),
  relu: scalar((z) => (z <= 0 ? 0 : z), (dy, y) => (y <= 0 ? 0 : dy)), // a gate: inf · 0 would be NaN (2.5)
  sigmoid: scalar(sigmoid, (dy, y) => dy * (y * (1 - y))),
  softplus: scalar((z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))), (dy, y) => dy * -Math.expm1(-y)),
  softmax: {
    value: softmax,
    back: (dy, y) => {
      const sum = sumOf(dy.map((d, j) => d * y[j]))
      return dy.map((d, i) => y[i] * (d - sum)) // 2.7
    },
  },
  log_softmax: {
    value: logSoftmax,
    back: (dy, y) => {
      const sum = sumOf(dy)
      return dy.map((d, i) => d - Math.exp(y[i]) * sum) // 2.8
    },
  },
}
