// tf.losses.softmaxCrossEntropy of large logits: loss and gradient lose digits.
//
// It takes z - logSumExp(z), and logSumExp(z), max + log(sum), is rounded beside the maximum. tf.logSoftmax takes
// (z - max) - log(sum), and does not lose them.

import * as tf from '@tensorflow/tfjs'

for (const shift of [0, 100, 10000]) {
  const z = tf.tensor2d([[shift, shift + 1]])
  const loss = (logits) => tf.losses.softmaxCrossEntropy(tf.tensor2d([[1, 0]]), logits)
  const [slope] = tf.grad(loss)(z).dataSync()
  const [log] = tf.logSoftmax(z).dataSync()
  console.log(`logits ${shift}, ${shift + 1}: loss ${loss(z).dataSync()[0]}, its slope ${slope}, -logSoftmax ${-log}`)
}
console.log(`whatever the shift: loss ${Math.log(1 + Math.E)}, slope ${1 / (1 + Math.E) - 1}`)

// Printed by TensorFlow.js 4.22.0, on its CPU backend in Node 20.20.2 on x86-64:
// logits 0, 1: loss 1.31326162815094, its slope -0.7310585975646973, -logSoftmax 1.31326162815094
// logits 100, 101: loss 1.313262939453125, its slope -0.7310589551925659, -logSoftmax 1.31326162815094
// logits 10000, 10001: loss 1.3134765625, its slope -0.7311163544654846, -logSoftmax 1.31326162815094
// whatever the shift: loss 1.3132616875182228, slope -0.7310585786300049
