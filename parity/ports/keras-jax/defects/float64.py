"""Keras on JAX: with floatx float64 a SimpleRNN raises, and GRU and LSTM compute tanh in float32.

The state of SimpleRNN is float64 before a step and float32 after it, which jax.lax.scan refuses.
No result is wider than 32 bits: result_type of keras/src/backend/common/dtypes.py, which ops.tanh asks.
https://github.com/keras-team/keras/issues/23223
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"

import keras
import numpy as np

keras.config.set_floatx("float64")
print("ops.tanh:", keras.ops.tanh(np.ones(1)).dtype)
x = np.full((1, 3, 1), 0.1)
ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones", "use_bias": False}
try:
    print("SimpleRNN:", keras.layers.SimpleRNN(1, **ones)(x))
except TypeError as error:
    print("SimpleRNN: raises", type(error).__name__)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


h = c = 0.0
for x_t in x[0, :, 0]:
    gate = sigmoid(x_t + h)
    c = gate * c + gate * np.tanh(x_t + h)
    h = gate * np.tanh(c)
found = keras.layers.LSTM(1, unit_forget_bias=False, **ones)(x)
print(f"LSTM: {found.dtype}, off by {abs(found.item() - h) / h:.1e}")

# Printed by Keras 3.15.1, JAX 0.10.2 on x86-64:
# ops.tanh: float32
# SimpleRNN: raises TypeError
# LSTM: float64, off by 3.2e-07
