// The layers of TensorFlow.js, differentiated by tf.grads: reads lines of JSON, and answers each with one.

import { createInterface } from 'node:readline'
import * as tf from '@tensorflow/tfjs'

const LAYERS = { rnn: tf.layers.simpleRNN, gru: tf.layers.gru, lstm: tf.layers.lstm }
const called = (activation) => ({ identity: 'linear', log_softmax: 'logSoftmax' })[activation] ?? activation
const mapped = (byName, f) => Object.fromEntries(Object.entries(byName).map(([name, value]) => [name, f(value)]))
const unpacked = (a) => tf.tensor(new Float32Array(new Uint8Array(Buffer.from(a.data, 'base64')).buffer), a.shape)
const packed = (t) => ({ shape: t.shape, data: Buffer.from(Float32Array.from(t.dataSync()).buffer).toString('base64') })

// The parameters that a layer made give way to those of the case, which have gradients.
const give = (layer, parameters) => Object.assign(layer, mapped(parameters, (value) => ({ read: () => value })))

function recurrent(c, given) {
  const states = c.cell === 'lstm' ? ['h', 'c'] : ['h']
  const last = Object.fromEntries(states.map((name) => [`${name}_n`, []]))
  const mask = c.lengths ? given.real.squeeze([2]).transpose() : null
  const blocks = (w) => (c.cell === 'gru' ? tf.concat([1, 0, 2].map((i) => tf.split(w, 3)[i])) : w) // r z n as z r n
  const options = { units: c.H, useBias: c.bias, activation: called(c.nonlinearity), recurrentActivation: 'sigmoid' }
  let series = given.x.transpose([1, 0, 2])
  for (let l = 0; l < c.num_layers; l++) {
    const one = LAYERS[c.cell]({ ...options, recurrentInitializer: 'zeros', returnSequences: true, returnState: true })
    const layer = c.bidirectional ? tf.layers.bidirectional({ layer: one, mergeMode: 'concat' }) : one
    layer.build(series.shape)
    layer.built = true // which a recurrent layer leaves to others to say
    const directions = c.bidirectional ? [layer.forwardLayer, layer.backwardLayer] : [layer]
    const initialState = directions.flatMap(({ cell }, d) => {
      const w = (name) => blocks(given[`${name}_l${l}${d ? '_reverse' : ''}`])
      give(cell, { kernel: w('weight_ih').transpose(), recurrentKernel: w('weight_hh').transpose() })
      if (c.bias) give(cell, { bias: w('bias_ih').add(w('bias_hh')) })
      return states.map((name) => given[`${name}0`].gather(l * directions.length + d))
    })
    const [output, ...ends] = layer.apply(series, { initialState, mask })
    ends.forEach((state, i) => last[`${states[i % states.length]}_n`].push(state))
    series = output
  }
  return { output: series.transpose([1, 0, 2]).mul(given.real), ...mapped(last, (each) => tf.stack(each)) }
}

function divergence(c, y, { weights, target }) {
  const counts = weights.expandDims(-1)
  const used = tf.where(counts.notEqual(0), y, tf.zerosLike(y)) // what does not count may be NaN
  const { SUM } = tf.Reduction
  if (c.divergence === 'squared_error') return tf.losses.meanSquaredError(target, used, counts, SUM).div(2)
  if (c.divergence === 'softmax_cross_entropy') return tf.losses.softmaxCrossEntropy(target, used, weights, 0, SUM)
  return target.mul(used).mul(counts).sum().neg()
}

function forward(c, given) {
  const outputs = recurrent(c, given)
  if (!c.O) return outputs
  const dense = tf.layers.dense({ units: c.O })
  dense.build(outputs.output.shape)
  give(dense, { kernel: given['output.weight'].transpose(), bias: given['output.bias'] })
  const z = dense.apply(outputs.output)
  const y = tf.layers.activation({ activation: called(c.activation) }).apply(z)
  return { ...outputs, z, y, ...(c.asked.includes('div') && { div: divergence(c, y, given) }) }
}

function answer({ c, inputs, fixed, above }) {
  const [given, known, upstream] = [inputs, fixed, above].map((arrays) => mapped(arrays, unpacked))
  const outputs = mapped(forward(c, { ...known, ...given }), packed)
  const names = Object.keys(given).filter((name) => c.bias || !name.startsWith('bias_')) // tf.grads takes none in vain
  const paired = (...values) => {
    const found = forward(c, { ...known, ...Object.fromEntries(names.map((name, i) => [name, values[i]])) })
    return tf.addN(Object.entries(upstream).map(([name, d]) => found[name].mul(d).sum()))
  }
  const slopes = Object.keys(upstream).length ? tf.grads(paired)(names.map((name) => given[name])) : []
  return { outputs, gradients: Object.fromEntries(slopes.map((d, i) => [names[i], packed(d)])) }
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(tf.tidy(() => JSON.stringify(answer(JSON.parse(line)))))
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }))
  }
  tf.disposeVariables()
}
