// The recurrent network of SPEC.md in JavaScript: forward, every intermediate, backward, in float64 and float32.
//
// A template for ports: plain loops, no packages. Arrays are typed arrays, time-major (T, B, F) with t slowest, whatever
// the layout of the case (1.2). Numbers in comments are clauses of SPEC.md. JavaScript computes in doubles; what is
// kept in a Float32Array is rounded there.

import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const FLOATS = { float64: [Float64Array, '<f8'], float32: [Float32Array, '<f4'] }

// ---- What a case is (10.2) ----

function readCase(folder, out) {
  const c = { folder, out }
  for (const line of readFileSync(`${folder}/case.toml`, 'utf8').split('\n')) {
    const [, key, value] = /^(\w+) = (.*)$/.exec(line) ?? []
    if (key) c[key] = JSON.parse(value) // text, numbers and flags are written as in JSON
  }
  if (c.format !== 1) throw new Error(`unknown format ${c.format}`)
  if (c.cell !== 'rnn') throw new Error(`unknown cell ${c.cell}`)
  ;[c.Real, c.descr] = FLOATS[c.dtype]
  c.D = c.bidirectional ? 2 : 1
  c.L = c.num_layers
  c.prefix = c.O ? 'rnn.' : ''
  c.asked = new Set(c.asked.split(' '))
  c.length = c.lengths ? Array.from(read(c, 'lengths', BigInt64Array, '<i8', c.B), Number) : Array(c.B).fill(c.T)
  if (c.length.some((n) => n < 1 || n > c.T)) throw new Error('a length out of range')
  return c
}

// ---- Arrays in files (10.3) ----

// The data of in/<name>.npy; throws unless it has this type and this many elements.
function read(c, name, Type, descr, count) {
  const file = readFileSync(`${c.folder}/in/${name}.npy`)
  if (file.length < 10 || !file.subarray(0, 8).equals(Buffer.from('\x93NUMPY\x01\x00', 'latin1'))) {
    throw new Error(`${name} is no .npy of format 1.0`)
  }
  const start = 10 + file.readUInt16LE(8)
  const header = file.toString('latin1', 10, start)
  if (!header.includes(`'${descr}'`)) throw new Error(`${name} is not of dtype ${descr}: ${header}`)
  if (!header.includes("'fortran_order': False")) throw new Error(`${name} is not in C order`)
  if (file.length - start !== count * Type.BYTES_PER_ELEMENT) throw new Error(`${name} has another size: ${header}`)
  return new Type(new Uint8Array(file.subarray(start)).buffer)
}

const readReals = (c, name, count) => read(c, name, c.Real, c.descr, count)
const givenOrZeros = (c, name, count) => (c[name] ? readReals(c, name, count) : new c.Real(count))

// Where step t of sequence b stands in a series of the case's layout (1.2).
const place = (c, t, b) => (c.layout === 'batch_first' ? b * c.T + t : t * c.B + b)

// A series (T, B, F) from the layout of the case to time-major, or the other way (`back`).
function relaid(c, series, F, back = false) {
  const found = new series.constructor(series.length)
  for (let t = 0; t < c.T; t++) {
    for (let b = 0; b < c.B; b++) {
      const [from, to] = back ? [t * c.B + b, place(c, t, b)] : [place(c, t, b), t * c.B + b]
      found.set(series.subarray(from * F, (from + 1) * F), to * F)
    }
  }
  return found
}

// Writes a tensor, if it is asked for.
function write(c, name, data, shape) {
  if (!c.asked.has(name)) return
  const dims = shape.map((n) => `${n}, `).join('')
  const header = Buffer.from(`{'descr': '${c.descr}', 'fortran_order': False, 'shape': (${dims}), }\n`)
  const magic = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8])
  const content = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  writeFileSync(`${c.out}/${name}.npy`, Buffer.concat([magic, header, content]))
}

function writeSeries(c, name, data, F) {
  const shape = { time_major: [c.T, c.B, F], batch_first: [c.B, c.T, F], unbatched: [c.T, F] }[c.layout]
  write(c, name, relaid(c, data, F, true), shape)
}

function writeStates(c, name, data) {
  write(c, name, data, c.layout === 'unbatched' ? [c.L * c.D, c.H] : [c.L * c.D, c.B, c.H])
}

// ---- Activations (2): `value` of one step's vector z, and `back`, its vector-Jacobian product with y (2.1) ----

// A scalar activation: back is an elementwise product with the slope (2.2).
const scalar = (f, timesSlope) => ({
  value: (z) => z.map(f),
  back: (dy, y) => dy.map((d, i) => timesSlope(d, y[i])),
})

function sigmoid(z) {
  const e = Math.exp(-Math.abs(z)) // never overflows (2.4)
  return z > 0 ? 1 / (1 + e) : e / (1 + e)
}

// The largest element is subtracted before exp (2.9).
const largest = (z) => z.reduce((m, v) => (v > m ? v : m))
const sumOf = (v) => v.reduce((a, b) => a + b, 0)

function softmax(z) {
  const m = largest(z)
  const e = z.map((v) => Math.exp(v - m))
  const sum = sumOf(e)
  return e.map((v) => v / sum)
}

function logSoftmax(z) {
  const m = largest(z)
  const log = Math.log(sumOf(z.map((v) => Math.exp(v - m))))
  return z.map((v) => v - m - log)
}

const ACTIVATIONS = {
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

// ---- One layer, one direction (3, 5) ----

function readDirection(c, layer, reverse) {
  const suffix = `_l${layer}${reverse ? '_reverse' : ''}`
  const F = layer ? c.D * c.H : c.I
  const parameter = (kind, count) => readReals(c, `${c.prefix}${kind}${suffix}`, count)
  return {
    suffix,
    F,
    wIh: parameter('weight_ih', c.H * F),
    wHh: parameter('weight_hh', c.H * c.H),
    bIh: c.bias ? parameter('bias_ih', c.H) : new c.Real(c.H),
    bHh: c.bias ? parameter('bias_hh', c.H) : new c.Real(c.H),
    reads: (s, b) => (reverse ? c.length[b] - 1 - s : s), // which t is read at step s (4.2)
  }
}

const row = (array, index, size) => array.subarray(index * size, (index + 1) * size)

// The trace, in reading order (4.3): x, a (T, B, ·) and h (T+1, B, H), where h(-1) stands at 0.
function forward(c, d, series, h0) {
  const { B, H } = c
  const f = ACTIVATIONS[c.nonlinearity]
  d.x = new c.Real(c.T * B * d.F)
  d.a = new c.Real(c.T * B * H)
  d.h = new c.Real((c.T + 1) * B * H)
  d.h.set(h0)
  for (let s = 0; s < c.T; s++) {
    for (let b = 0; b < B; b++) {
      if (s >= c.length[b]) continue // padding is not read, and stays 0 (6.2, 6.5)
      const x = row(d.x, s * B + b, d.F)
      const a = row(d.a, s * B + b, H)
      const before = row(d.h, s * B + b, H)
      x.set(row(series, d.reads(s, b) * B + b, d.F))
      for (let i = 0; i < H; i++) {
        let sum = d.bIh[i] + d.bHh[i] // a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh (3.1)
        for (let j = 0; j < d.F; j++) sum += d.wIh[i * d.F + j] * x[j]
        for (let j = 0; j < H; j++) sum += d.wHh[i * H + j] * before[j]
        a[i] = sum
      }
      row(d.h, (s + 1) * B + b, H).set(f.value(a)) // h(t) = f(a(t))
    }
  }
}

// dHigher: what arrives from above (T, B, H), in reading order. Fills dh0 (B, H), which carries da(t+1) W_hh on the way.
function backward(c, d, dHigher, dHn, dh0) {
  const { B, H } = c
  const f = ACTIVATIONS[c.nonlinearity]
  d.dh = new c.Real(c.T * B * H)
  d.da = new c.Real(c.T * B * H)
  d.dx = new c.Real(c.T * B * d.F)
  d.dWIh = new c.Real(H * d.F)
  d.dWHh = new c.Real(H * H)
  d.db = new c.Real(H)
  for (let s = c.T - 1; s >= 0; s--) {
    if (c.truncate && (s + 1) % c.truncate === 0) dh0.fill(0) // 7.1
    for (let b = 0; b < B; b++) {
      if (s >= c.length[b]) continue
      const [x, dx] = [row(d.x, s * B + b, d.F), row(d.dx, s * B + b, d.F)]
      const [before, h] = [row(d.h, s * B + b, H), row(d.h, (s + 1) * B + b, H)]
      const [dh, da] = [row(d.dh, s * B + b, H), row(d.da, s * B + b, H)]
      const carry = row(dh0, b, H)
      const isLast = s === c.length[b] - 1 // of the sequence, not of the batch (6.4)
      for (let i = 0; i < H; i++) dh[i] = dHigher[(s * B + b) * H + i] + carry[i] + (isLast ? dHn[b * H + i] : 0)
      da.set(f.back(dh, h)) // h(t) = f(a(t))
      carry.fill(0)
      for (let i = 0; i < H; i++) {
        // a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh
        for (let j = 0; j < H; j++) {
          carry[j] += da[i] * d.wHh[i * H + j]
          d.dWHh[i * H + j] += da[i] * before[j]
        }
        for (let j = 0; j < d.F; j++) {
          dx[j] += da[i] * d.wIh[i * d.F + j]
          d.dWIh[i * d.F + j] += da[i] * x[j]
        }
        d.db[i] += da[i]
      }
    }
  }
}

// ---- The stack (4, 5.6, 5.7) ----

// Calls visit(s, t, b) for every real step: s in the reading order of the direction, t in time.
function realSteps(c, d, visit) {
  for (let b = 0; b < c.B; b++) for (let s = 0; s < c.length[b]; s++) visit(s, d.reads(s, b), b)
}

// Drops elements of a series, and scales the others; its own adjoint (4.6, 5.7).
function drop(c, masks, gap, series) {
  const kept = row(masks, gap, series.length)
  return series.map((v, i) => (kept[i] && c.dropout < 1 ? v / (1 - c.dropout) : 0))
}

// Runs every layer; returns the output (T, B, D·H) and fills h_n (L·D, B, H).
function stackForward(c, stack, x, h0, masks, hN) {
  const { B, H, D } = c
  let series = x
  for (let l = 0; l < c.L; l++) {
    const output = new c.Real(c.T * B * D * H)
    stack[l].forEach((d, k) => {
      forward(c, d, series, row(h0, l * D + k, B * H))
      realSteps(c, d, (s, t, b) => {
        const h = row(d.h, (s + 1) * B + b, H)
        output.set(h, (t * B + b) * D * H + k * H) // both directions side by side (4.1)
        if (s === c.length[b] - 1) hN.set(h, ((l * D + k) * B + b) * H) // 6.4
      })
    })
    series = masks && l + 1 < c.L ? drop(c, masks, l, output) : output
  }
  return series
}

// Runs every layer backward; returns dx (T, B, I) and fills dh0 (L·D, B, H).
function stackBackward(c, stack, dOutput, dHn, masks, dh0) {
  const { B, H, D } = c
  let dSeries = dOutput
  for (let l = c.L - 1; l >= 0; l--) {
    const F = stack[l][0].F
    const dx = new c.Real(c.T * B * F)
    stack[l].forEach((d, k) => {
      const dHigher = new c.Real(c.T * B * H)
      realSteps(c, d, (s, t, b) => {
        const start = (t * B + b) * D * H + k * H
        dHigher.set(dSeries.subarray(start, start + H), (s * B + b) * H)
      })
      backward(c, d, dHigher, row(dHn, l * D + k, B * H), row(dh0, l * D + k, B * H))
      realSteps(c, d, (s, t, b) => {
        for (let j = 0; j < F; j++) dx[(t * B + b) * F + j] += d.dx[(s * B + b) * F + j] // x is read by both (5.6)
      })
    })
    dSeries = masks && l > 0 ? drop(c, masks, l - 1, dx) : dx
  }
  return dSeries
}

// ---- Divergences (8) ----

const unless0 = (factor, term) => (factor === 0 ? 0 : term()) // a term whose factor is 0 is 0 (8.5)
const minusLog = (y, d) => unless0(d, () => -d * Math.log(y))
const minusLogSlope = (y, d) => unless0(d, () => -d / y)

// By name: the term of one element, and its derivative by y.
const DIVERGENCES = {
  squared_error: [(y, d) => (y - d) ** 2 / 2, (y, d) => y - d],
  cross_entropy: [minusLog, minusLogSlope],
  kl: [(y, d) => unless0(d, () => d * Math.log(d)) + minusLog(y, d), minusLogSlope],
  binary_cross_entropy: [
    (y, d) => minusLog(y, d) + minusLog(1 - y, 1 - d),
    (y, d) => minusLogSlope(y, d) - minusLogSlope(1 - y, 1 - d),
  ],
  negative_log_likelihood: [(y, d) => unless0(d, () => -d * y), (y, d) => -d],
}

// Softmax and cross-entropy in one, on logits: [div, dy] of one step (8.6).
function softmaxCrossEntropy(y, desired) {
  const logY = logSoftmax(y)
  const total = sumOf(desired)
  const div = sumOf(desired.map((d, i) => unless0(d, () => -d * logY[i])))
  return [div, logY.map((l, i) => Math.exp(l) * total - desired[i])]
}

// [div, dy] of one step (8.5).
function divergence(name, y, desired) {
  if (name === 'softmax_cross_entropy') return softmaxCrossEntropy(y, desired)
  const [value, slope] = DIVERGENCES[name]
  return [sumOf(desired.map((d, i) => value(y[i], d))), desired.map((d, i) => slope(y[i], d))]
}

// What each step counts for, (T, B): 0 at padding; divided by their sum for a mean over steps (8.4).
function readWeights(c) {
  const n = c.T * c.B
  const given = c.weights ? relaid(c, readReals(c, 'weights', n), 1) : new c.Real(n).fill(1)
  const weights = given.map((w, i) => (Math.floor(i / c.B) < c.length[i % c.B] ? w : 0))
  const sum = c.reduction === 'mean' && c.target !== 'sequence' ? sumOf(weights) : 1
  return weights.map((w) => w / sum)
}

function oneHot(c, index) {
  if (index < 0 || index >= c.O) throw new Error(`class index ${index} out of range`)
  const vector = new c.Real(c.O)
  vector[Number(index)] = 1
  return vector
}

// The desired vector of step i, which may be looked at only where the step counts (8.3).
function readDesired(c) {
  const n = c.T * c.B
  if (c.target === 'vectors') {
    const vectors = relaid(c, readReals(c, 'target', n * c.O), c.O)
    return (i) => row(vectors, i, c.O)
  }
  const classes = relaid(c, read(c, 'target', BigInt64Array, '<i8', n), 1)
  return (i) => oneHot(c, classes[i])
}

// A sum over steps (8.2): returns DIV and fills dy.
function localDivergence(c, y, dy) {
  const weights = readWeights(c)
  const desired = readDesired(c)
  let total = 0
  weights.forEach((w, i) => {
    if (w === 0) return
    const [div, d] = divergence(c.divergence, row(y, i, c.O), desired(i))
    total += w * div
    dy.set(d.map((v) => w * v), i * c.O)
  })
  return total
}

// The cross-entropy of the mean over the steps of each sequence (8.7): returns DIV and fills dy.
function meanPooledCrossEntropy(c, y, dy) {
  const weights = readWeights(c)
  const classes = read(c, 'target', BigInt64Array, '<i8', c.B)
  const v = c.reduction === 'mean' ? 1 / c.B : 1
  let total = 0
  for (let b = 0; b < c.B; b++) {
    const steps = Array.from({ length: c.T }, (_, t) => t * c.B + b).filter((i) => weights[i] !== 0)
    const sum = sumOf(steps.map((i) => weights[i]))
    const pooled = new c.Real(c.O)
    for (const i of steps) for (let k = 0; k < c.O; k++) pooled[k] += (weights[i] * y[i * c.O + k]) / sum
    const [div, d] = softmaxCrossEntropy(pooled, oneHot(c, classes[b]))
    total += v * div
    for (const i of steps) dy.set(d.map((value) => ((v * weights[i]) / sum) * value), i * c.O)
  }
  return total
}

// ---- The output layer (3.5, 5.8) ----

// From the output of the stack to DIV and back: writes z, y, div and their gradients; returns d_output (T, B, D·H).
function outputLayer(c, h) {
  const [n, O, F] = [c.T * c.B, c.O, c.D * c.H]
  const f = ACTIVATIONS[c.activation]
  const weight = readReals(c, 'output.weight', O * F)
  const bias = readReals(c, 'output.bias', O)
  const [z, y, dy, dz] = Array.from({ length: 4 }, () => new c.Real(n * O))
  for (let t = 0; t < n; t++) {
    for (let i = 0; i < O; i++) {
      let sum = bias[i] // z(t) = W2 h(t) + b2
      for (let j = 0; j < F; j++) sum += weight[i * F + j] * h[t * F + j]
      z[t * O + i] = sum
    }
    y.set(f.value(row(z, t, O)), t * O) // y(t) = f2(z(t))
  }
  const whole = c.divergence === 'mean_pooled_cross_entropy' ? meanPooledCrossEntropy : localDivergence
  const div = whole(c, y, dy)
  const [dWeight, dBias, dOutput] = [new c.Real(O * F), new c.Real(O), new c.Real(n * F)]
  for (let t = 0; t < n; t++) {
    dz.set(f.back(row(dy, t, O), row(y, t, O)), t * O)
    for (let i = 0; i < O; i++) {
      const d = dz[t * O + i]
      for (let j = 0; j < F; j++) {
        dWeight[i * F + j] += d * h[t * F + j]
        dOutput[t * F + j] += d * weight[i * F + j]
      }
      dBias[i] += d
    }
  }
  for (const [name, data] of Object.entries({ z, y, d_y: dy, d_z: dz })) writeSeries(c, name, data, O)
  write(c, 'div', c.Real.of(div), [])
  writeSeries(c, 'd_output', dOutput, F)
  write(c, 'd_output.weight', dWeight, [O, F])
  write(c, 'd_output.bias', dBias, [O])
  return dOutput
}

// ---- A case, whole (10.5) ----

function writeDirection(c, d) {
  const trace = [c.T, c.B, c.H]
  write(c, `a${d.suffix}`, d.a, trace)
  write(c, `h${d.suffix}`, d.h.subarray(c.B * c.H), trace)
  write(c, `d_h${d.suffix}`, d.dh, trace)
  write(c, `d_a${d.suffix}`, d.da, trace)
  write(c, `d_${c.prefix}weight_ih${d.suffix}`, d.dWIh, [c.H, d.F])
  write(c, `d_${c.prefix}weight_hh${d.suffix}`, d.dWHh, [c.H, c.H])
  write(c, `d_${c.prefix}bias_ih${d.suffix}`, d.db, [c.H]) // the two biases have one gradient (0.9)
  write(c, `d_${c.prefix}bias_hh${d.suffix}`, d.db, [c.H])
}

function answer(folder, out) {
  const c = readCase(folder, out)
  if (c.divergence === 'ctc') return 'skip ctc'
  const [n, states, DH] = [c.T * c.B, c.L * c.D * c.B * c.H, c.D * c.H]
  const stack = Array.from({ length: c.L }, (_, l) =>
    Array.from({ length: c.D }, (_, k) => readDirection(c, l, k === 1)),
  )
  const x = relaid(c, readReals(c, 'x', n * c.I), c.I)
  const masks = c.dropout_masks && read(c, 'dropout_masks', Uint8Array, '|b1', (c.L - 1) * n * DH)

  const [hN, dh0] = [new c.Real(states), new c.Real(states)]
  const output = stackForward(c, stack, x, givenOrZeros(c, 'h0', states), masks, hN)
  const dOutput = c.O ? outputLayer(c, output) : relaid(c, givenOrZeros(c, 'd_output', n * DH), DH)
  const dx = stackBackward(c, stack, dOutput, givenOrZeros(c, 'd_h_n', states), masks, dh0)

  for (const d of stack.flat()) writeDirection(c, d)
  writeSeries(c, 'output', output, DH)
  writeStates(c, 'h_n', hN)
  writeSeries(c, 'd_x', dx, c.I)
  writeStates(c, 'd_h0', dh0)
  return 'ok'
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    process.stdout.write(`${answer(...line.split('\t'))}\n`)
  } catch (error) {
    process.stdout.write(`error ${error.message.replace(/\s+/g, ' ')}\n`)
  }
}
