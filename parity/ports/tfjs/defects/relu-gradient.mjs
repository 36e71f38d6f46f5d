// The gradient of tf.relu is a product with 0, 1 or NaN: so inf that arrives at a closed gate gives NaN, and NaN stays.
//
// sqrt(relu(x)) is 0 for all x < 0, and so is its slope. torch.relu gives 0 there, and 1 at NaN.

import * as tf from '@tensorflow/tfjs'

const f = (x) => tf.sqrt(tf.relu(x))
const at = (x) => f(tf.scalar(x)).dataSync()[0]
console.log('sqrt(relu(x)) at -1: tf.grad', tf.grad(f)(tf.scalar(-1)).dataSync()[0])
console.log('finite difference of the same', (at(-0.9) - at(-1.1)) / 0.2)
console.log('relu(x) at NaN: tf.grad', tf.grad(tf.relu)(tf.scalar(NaN)).dataSync()[0])

// Printed by TensorFlow.js 4.22.0, on its CPU backend in Node 20.20.2 on x86-64:
// sqrt(relu(x)) at -1: tf.grad NaN
// finite difference of the same 0
// relu(x) at NaN: tf.grad NaN
