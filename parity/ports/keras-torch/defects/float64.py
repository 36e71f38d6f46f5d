"""Keras on torch: with floatx float64 results are float64 whose digits are those of float32, by ops.matmul.

LSTM, and GRU with reset_after, are computed by torch itself, rightly, unless there is a mask.
https://github.com/keras-team/keras/issues/23704
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np

keras.config.set_floatx("float64")
print("ops.matmul:", keras.ops.matmul(np.ones((1, 1)), np.ones((1, 1))).dtype)
x = np.full((1, 3, 1), 0.1)
ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones", "use_bias": False}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


h = 0.0
for x_t in x[0, :, 0]:
    h = np.tanh(x_t + h)
found = keras.layers.SimpleRNN(1, **ones)(x)
print(f"SimpleRNN: {found.dtype}, off by {abs(found.item() - h) / h:.1e}")

h = c = 0.0
for x_t in x[0, :, 0]:
    gate = sigmoid(x_t + h)
    c = gate * c + gate * np.tanh(x_t + h)
    h = gate * np.tanh(c)
for mask in (None, np.ones((1, 3), dtype=bool)):
    found = keras.layers.LSTM(1, unit_forget_bias=False, **ones)(x, mask=mask)
    print(f"LSTM, mask {mask}: {found.dtype}, off by {abs(found.item() - h) / h:.1e}")

# Printed by Keras 3.15.1, torch 2.13.0 on x86-64:
# ops.matmul: torch.float32
# SimpleRNN: torch.float64, off by 2.0e-08
# LSTM, mask None: torch.float64, off by 2.0e-16
# LSTM, mask [[ True  True  True]]: torch.float64, off by 7.8e-08
