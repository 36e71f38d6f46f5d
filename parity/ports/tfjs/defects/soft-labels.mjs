// The gradient of tf.losses.softmaxCrossEntropy with labels that do not sum to 1. Its loss is right.
//
// A comment in its source says: "All that is required is that each row of labels is a valid probability distribution.
// If they are not, the computation of the gradient will be incorrect."

import * as tf from '@tensorflow/tfjs'

const labels = tf.tensor2d([[0.75, 1, 0.5]])
const loss = (z) => tf.losses.softmaxCrossEntropy(labels, z)
const z = tf.tensor2d([[0.5, -0.25, 0.125]])
const h = 2 ** -7

const differences = [0, 1, 2].map((i) => {
  const step = tf.oneHot([i], 3).mul(h)
  return (loss(z.add(step)).dataSync()[0] - loss(z.sub(step)).dataSync()[0]) / (2 * h)
})
console.log('tf.grad', ...Array.from(tf.grad(loss)(z).dataSync(), (d) => d.toFixed(4)))
console.log('finite differences of its own loss', ...differences.map((d) => d.toFixed(4)))

// Printed by TensorFlow.js 4.22.0, on its CPU backend in Node 20.20.2 on x86-64:
// tf.grad -0.2870 -0.7813 -0.1818
// finite differences of its own loss 0.2918 -0.5079 0.2160
