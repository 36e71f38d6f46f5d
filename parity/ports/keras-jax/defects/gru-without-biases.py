"""Keras on JAX with 64 bits enabled: a GRU without biases raises in float32.

The zeros in place of its biases have the default dtype of JAX, float64 then, and so has its state after a step, which
jax.lax.scan refuses: gru of keras/src/backend/jax/rnn.py, since
https://github.com/keras-team/keras/pull/22401
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras

x = keras.ops.ones((1, 4, 2), dtype="float32")
for enabled in (False, True):
    jax.config.update("jax_enable_x64", enabled)
    for use_bias in (True, False):
        try:
            said = keras.layers.GRU(3, use_bias=use_bias)(x).dtype
        except TypeError as error:
            said = f"raises {type(error).__name__}"
        print(f"64 bits {enabled}, use_bias {use_bias}: {said}")

# Printed by Keras 3.15.1, JAX 0.10.2 on x86-64:
# 64 bits False, use_bias True: float32
# 64 bits False, use_bias False: float32
# 64 bits True, use_bias True: float32
# 64 bits True, use_bias False: raises TypeError
