"""The output layer, at every t alike: `z(t) = W2 h(t) + b2`. The activation on it is applied by the network."""

from dataclasses import dataclass

from reference.arrays import Array, affine, pool


@dataclass(frozen=True)
class OutputGradients:
    """weight (O, F), bias (O,), h (T, B, F). SPEC 5.8."""

    weight: Array
    bias: Array
    h: Array


def forward(weight: Array, bias: Array, h: Array) -> Array:
    """`z(t) = W2 h(t) + b2`. h (T, B, F), weight (O, F), bias (O,); returns (T, B, O). SPEC 3.5."""
    T, B, F = h.shape
    return affine(h.reshape(T * B, F), weight, bias).reshape(T, B, weight.shape[0])


def backward(weight: Array, h: Array, dz: Array) -> OutputGradients:
    """`dW2 = sum dz(t)ᵀ h(t)`, `db2 = sum dz(t)`, `dh(t) = dz(t) W2`. SPEC 5.8."""
    T, B, F = h.shape
    dz_rows = dz.reshape(T * B, weight.shape[0])
    return OutputGradients(
        weight=pool(dz_rows, h.reshape(T * B, F)),
        bias=dz_rows.sum(axis=0),
        h=dz_rows.dot(weight).reshape(T, B, F),
    )
