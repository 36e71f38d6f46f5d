// The recurrent network of SPEC.md in JavaScript: forward, every intermediate, backward, in float64 and float32.
//
// A template for ports: plain loops, no packages. Arrays are typed arrays, time-major (T, B, F) with t slowest, whatever
// the layout of the case (1.2). Numbers in comments are clauses of SPEC.md. JavaScript computes in doubles; what is
// kept in a Float32Array is rounded there. What a column computes is in rnn.mjs, gru.mjs and lstm.mjs; all else is here.

import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

import { ACTIVATIONS, logSoftmax, sumOf } from './activations.mjs'
import { biasBack, mapped, plusProduct, productBack, row } from './arrays.mjs'
import { gru } from './gru.mjs'
import { lstm } from './lstm.mjs'
import { rnn } from './rnn.mjs'

const FLOATS = { float64: [Float64Array, '<f8'], float32: [Float32Array, '<f4'] }
const CELLS = { rnn, gru, lstm }

// ---- What a case is (10.2) ----

function readCase(folder, out) {
  const c = { folder, out }
  for (const line of readFileSync(`${folder}/case.toml`, 'utf8').split('\n')) {
    const [, key, value] = /^(\w+) = (.*)$/.exec(line) ?? []
    if (key) c[key] = JSON.parse(value) // text, numbers and flags are written as in JSON
  }
  if (c.format !== 1) throw new Error(`unknown format ${c.format}`)
  if (!(c.cell in CELLS)) throw new Error(`unknown cell ${c.cell}`)
  ;[c.Real, c.descr] = FLOATS[c.dtype]
  c.D = c.bidirectional ? 2 : 1
  c.L = c.num_layers
  c.P = c.proj_size || c.H // the size of h
  c.column = CELLS[c.cell](c)
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

function writeState(c, name, data, size) {
  write(c, name, data, c.layout === 'unbatched' ? [c.L * c.D, size] : [c.L * c.D, c.B, size])
}

// ---- One layer, one direction (3, 5) ----

const product = (shape) => shape.reduce((a, b) => a * b, 1)

// The parameters (1.4), and room for the values of all columns and for their gradients, in reading order (4.3).
function readDirection(c, layer, reverse) {
  const suffix = `_l${layer}${reverse ? '_reverse' : ''}`
  const F = layer ? c.D * c.P : c.I
  const G = c.column.kept.a // H for each gate
  const biases = { bias_ih: [G], bias_hh: [G] }
  const projection = c.proj_size ? { weight_hr: [c.P, c.H] } : {}
  const shapes = { weight_ih: [G, F], weight_hh: [G, c.P], ...biases, ...projection }
  const sizes = { x: F, ...c.column.kept, ...c.column.states }
  const zeros = (shape) => new c.Real(product(shape))
  const given = (shape, name) => readReals(c, `${c.prefix}${name}${suffix}`, product(shape))
  const series = (size) => new c.Real((c.T + 1) * c.B * size) // step -1 stands first: initial states; in d the carries
  return {
    suffix,
    F,
    sizes,
    shapes,
    parameters: mapped(shapes, (shape, name) => (name in biases && !c.bias ? zeros : given)(shape, name)),
    dParameters: mapped(shapes, zeros),
    trace: mapped(sizes, series),
    d: mapped(sizes, series),
    reads: (s, b) => (reverse ? c.length[b] - 1 - s : s), // which t is read at step s (4.2)
  }
}

// What a trace, or its gradient, has at step s of sequence b: a row of each array.
const columnOf = (c, sizes, arrays, s, b) =>
  mapped(sizes, (size, name) => row(arrays[name], (s + 1) * c.B + b, size))

// Fills the trace. The initial states are there.
function forward(c, direction, series) {
  const { sizes, trace, F } = direction
  for (let s = 0; s < c.T; s++) {
    for (let b = 0; b < c.B; b++) {
      if (s >= c.length[b]) continue // padding is not read, and stays 0 (6.2, 6.5)
      const now = columnOf(c, sizes, trace, s, b)
      now.x.set(row(series, direction.reads(s, b) * c.B + b, F))
      c.column.forward(direction.parameters, columnOf(c, sizes, trace, s - 1, b), now)
    }
  }
}

// Fills the gradients. What arrives from above is there, in d.h; dLast: for each state d_h_n, d_c_n (B, ·).
function backward(c, direction, dLast) {
  const { sizes, trace, d, parameters, dParameters } = direction
  for (let s = c.T - 1; s >= 0; s--) {
    for (let b = 0; b < c.B; b++) {
      if (s >= c.length[b]) continue
      const dNow = columnOf(c, sizes, d, s, b)
      const carry = columnOf(c, sizes, d, -1, b)
      const isLast = s === c.length[b] - 1 // of the sequence, not of the batch (6.4)
      for (const state in c.column.states) {
        if (c.truncate && (s + 1) % c.truncate === 0) carry[state].fill(0) // 7.1
        if (isLast) carry[state].set(row(dLast[state], b, sizes[state])) // no step follows (0.7)
      }
      dNow.h.forEach((above, j) => (dNow.h[j] = above + carry.h[j])) // h(t) is read above and by step t+1
      carry.h.fill(0)
      const [before, now] = [columnOf(c, sizes, trace, s - 1, b), columnOf(c, sizes, trace, s, b)]
      c.column.backward(parameters, before, now, dNow, carry, dParameters)
    }
  }
}

// ---- The stack (4, 5.6, 5.7) ----

// Calls visit(s, t, b) for every real step: s in the reading order of the direction, t in time.
function realSteps(c, direction, visit) {
  for (let b = 0; b < c.B; b++) for (let s = 0; s < c.length[b]; s++) visit(s, direction.reads(s, b), b)
}

// Drops elements of a series, and scales the others; its own adjoint (4.6, 5.7).
function drop(c, masks, gap, series) {
  const kept = row(masks, gap, series.length)
  return series.map((v, i) => (kept[i] && c.dropout < 1 ? v / (1 - c.dropout) : 0))
}

// The rows of one direction in a state of all, (L·D, B, ·).
const ofDirection = (c, states, l, k) =>
  mapped(c.column.states, (size, state) => row(states[state], l * c.D + k, c.B * size))

// Runs every layer; returns the output (T, B, D·P) and fills h_n, c_n.
function stackForward(c, stack, x, initial, masks, last) {
  const { B, P, D } = c
  let series = x
  for (let l = 0; l < c.L; l++) {
    const output = new c.Real(c.T * B * D * P)
    stack[l].forEach((direction, k) => {
      const { sizes, trace } = direction
      const [initialHere, lastHere] = [ofDirection(c, initial, l, k), ofDirection(c, last, l, k)]
      for (const state in c.column.states) trace[state].set(initialHere[state])
      forward(c, direction, series)
      realSteps(c, direction, (s, t, b) => {
        const now = columnOf(c, sizes, trace, s, b)
        output.set(now.h, (t * B + b) * D * P + k * P) // both directions side by side (4.1)
        if (s < c.length[b] - 1) return
        for (const state in c.column.states) lastHere[state].set(now[state], b * sizes[state]) // 6.4
      })
    })
    series = masks && l + 1 < c.L ? drop(c, masks, l, output) : output
  }
  return series
}

// Runs every layer backward; returns dx (T, B, I) and fills dh0, dc0.
function stackBackward(c, stack, dOutput, dLast, masks, dInitial) {
  const { B, P, D } = c
  let dSeries = dOutput
  for (let l = c.L - 1; l >= 0; l--) {
    const F = stack[l][0].F
    const dx = new c.Real(c.T * B * F)
    stack[l].forEach((direction, k) => {
      const { sizes, d } = direction
      realSteps(c, direction, (s, t, b) => {
        const start = (t * B + b) * D * P + k * P
        columnOf(c, sizes, d, s, b).h.set(dSeries.subarray(start, start + P))
      })
      backward(c, direction, ofDirection(c, dLast, l, k))
      realSteps(c, direction, (s, t, b) => {
        columnOf(c, sizes, d, s, b).x.forEach((v, j) => (dx[(t * B + b) * F + j] += v)) // x is read by both (5.6)
      })
      const dInitialHere = ofDirection(c, dInitial, l, k)
      for (const state in c.column.states) dInitialHere[state].set(row(d[state], 0, B * sizes[state]))
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

// From the output of the stack to DIV and back: writes z, y, div and their gradients; returns d_output (T, B, D·P).
function outputLayer(c, h) {
  const [n, O, F] = [c.T * c.B, c.O, c.D * c.P]
  const f = ACTIVATIONS[c.activation]
  const weight = readReals(c, 'output.weight', O * F)
  const bias = readReals(c, 'output.bias', O)
  const [z, y, dy, dz] = Array.from({ length: 4 }, () => new c.Real(n * O))
  for (let t = 0; t < n; t++) {
    for (let i = 0; i < O; i++) z[t * O + i] = plusProduct(bias[i], weight, i, row(h, t, F)) // z(t) = W2 h(t) + b2
    y.set(f.value(row(z, t, O)), t * O) // y(t) = f2(z(t))
  }
  const whole = c.divergence === 'mean_pooled_cross_entropy' ? meanPooledCrossEntropy : localDivergence
  const div = whole(c, y, dy)
  const [dWeight, dBias, dOutput] = [new c.Real(O * F), new c.Real(O), new c.Real(n * F)]
  for (let t = 0; t < n; t++) {
    dz.set(f.back(row(dy, t, O), row(y, t, O)), t * O)
    productBack(row(dz, t, O), weight, row(h, t, F), row(dOutput, t, F), dWeight)
    biasBack(row(dz, t, O), dBias)
  }
  for (const [name, data] of Object.entries({ z, y, d_y: dy, d_z: dz })) writeSeries(c, name, data, O)
  write(c, 'div', c.Real.of(div), [])
  writeSeries(c, 'd_output', dOutput, F)
  write(c, 'd_output.weight', dWeight, [O, F])
  write(c, 'd_output.bias', dBias, [O])
  return dOutput
}

// ---- A case, whole (10.5) ----

function writeDirection(c, direction) {
  const { sizes, shapes, suffix } = direction
  for (const [name, size] of Object.entries(sizes)) {
    const [shape, start] = [[c.T, c.B, size], c.B * size] // from step 0 on
    write(c, `${name}${suffix}`, direction.trace[name].subarray(start), shape)
    write(c, `d_${name}${suffix}`, direction.d[name].subarray(start), shape)
  }
  for (const [name, shape] of Object.entries(shapes)) {
    write(c, `d_${c.prefix}${name}${suffix}`, direction.dParameters[name], shape)
  }
}

let ended // the states that the last case ended with, for one that continues it (10.12)

function answer(folder, out, more) {
  const c = readCase(folder, out)
  if (c.divergence === 'ctc') return 'skip ctc'
  const [n, DP] = [c.T * c.B, c.D * c.P]
  const stack = Array.from({ length: c.L }, (_, l) =>
    Array.from({ length: c.D }, (_, k) => readDirection(c, l, k === 1)),
  )
  const x = relaid(c, readReals(c, 'x', n * c.I), c.I)
  const masks = c.dropout_masks && read(c, 'dropout_masks', Uint8Array, '|b1', (c.L - 1) * n * DP)
  const eachState = (array) => mapped(c.column.states, (size, state) => array(c.L * c.D * c.B * size, state))
  const given = eachState((count, state) => givenOrZeros(c, `${state}0`, count))
  if (more === 'continue' && !ended) throw new Error('nothing to continue')
  const initial = more === 'continue' ? ended : given
  const dLast = eachState((count, state) => givenOrZeros(c, `d_${state}_n`, count))
  const [last, dInitial] = Array.from({ length: 2 }, () => eachState((count) => new c.Real(count)))

  const output = stackForward(c, stack, x, initial, masks, last)
  ended = last
  const dOutput = c.O ? outputLayer(c, output) : relaid(c, givenOrZeros(c, 'd_output', n * DP), DP)
  const dx = stackBackward(c, stack, dOutput, dLast, masks, dInitial)

  for (const direction of stack.flat()) writeDirection(c, direction)
  writeSeries(c, 'output', output, DP)
  writeSeries(c, 'd_x', dx, c.I)
  for (const [state, size] of Object.entries(c.column.states)) {
    writeState(c, `${state}_n`, last[state], size)
    writeState(c, `d_${state}0`, dInitial[state], size)
  }
  return 'ok'
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    process.stdout.write(`${answer(...line.split('\t'))}\n`)
  } catch (error) {
    process.stdout.write(`error ${error.message.replace(/\s+/g, ' ')}\n`)
  }
}
