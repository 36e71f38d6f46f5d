// The gradient of a recurrent layer over one time step throws; over two it does not.
//
// The layer unstacks its steps; of one step the gradient of tf.unstack is given a tensor, and takes it for a list.
// https://github.com/tensorflow/tfjs/issues/8255

import * as tf from '@tensorflow/tfjs'

for (const kind of ['simpleRNN', 'gru', 'lstm']) {
  for (const steps of [2, 1]) {
    const layer = tf.layers[kind]({ units: 2 })
    try {
      const slope = tf.grad((x) => layer.apply(x).sum())(tf.ones([1, steps, 3]))
      console.log(`${kind}, ${steps} steps: a gradient of shape [${slope.shape}]`)
    } catch (error) {
      console.log(`${kind}, ${steps} step: ${error.message}`)
    }
  }
}
try {
  tf.grad((x) => tf.unstack(x)[0].sum())(tf.ones([1, 3]))
} catch (error) {
  console.log(`unstack: ${error.message}`)
}

// Printed by TensorFlow.js 4.22.0, on its CPU backend in Node 20.20.2 on x86-64:
// simpleRNN, 2 steps: a gradient of shape [1,2,3]
// simpleRNN, 1 step: Argument tensors passed to stack must be a `Tensor[]` or `TensorLike[]`
// gru, 2 steps: a gradient of shape [1,2,3]
// gru, 1 step: Argument tensors passed to stack must be a `Tensor[]` or `TensorLike[]`
// lstm, 2 steps: a gradient of shape [1,2,3]
// lstm, 1 step: Argument tensors passed to stack must be a `Tensor[]` or `TensorLike[]`
// unstack: Argument tensors passed to stack must be a `Tensor[]` or `TensorLike[]`
