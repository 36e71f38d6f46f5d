"""jax.nn.relu of NaN is NaN, and its gradient there is 0: a network that has gone wrong learns nothing of it."""

import jax
from jax import numpy as jnp

value, slope = jax.value_and_grad(jax.nn.relu)(jnp.nan)
print("jax.nn.relu:", value, slope)
value, slope = jax.value_and_grad(lambda z: jnp.where(z <= 0, 0, z))(jnp.nan)
print("where(z <= 0, 0, z), as torch has it:", value, slope)

# jax 0.10.2:
# jax.nn.relu: nan 0.0
# where(z <= 0, 0, z), as torch has it: nan 1.0
