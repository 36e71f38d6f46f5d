"""Keras on JAX: relu of NaN is NaN, and its gradient there is 0, by jax.nn.relu."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras

value, slope = jax.value_and_grad(keras.activations.relu)(float("nan"))
print("keras.activations.relu:", value, slope)

# Printed by Keras 3.15.1, JAX 0.10.2 on x86-64:
# keras.activations.relu: nan 0.0
