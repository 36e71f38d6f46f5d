// Rows of typed arrays, and products with a matrix (to, from) that is stored row by row.

// For each name f of what stands there.
export const mapped = (byName, f) =>
  Object.fromEntries(Object.entries(byName).map(([name, value]) => [name, f(value, name)]))

export const row = (array, index, size) => array.subarray(index * size, (index + 1) * size)

// start, and what element i of W v adds to it.
export function plusProduct(start, W, i, v) {
  let sum = start
  for (let j = 0; j < v.length; j++) sum += W[i * v.length + j] * v[j]
  return sum
}

// The adjoint of y = W v: what dy adds to dv = dy W, and to dW = dyᵀ v (5.5).
export function productBack(dy, W, v, dv, dW) {
  for (let i = 0; i < dy.length; i++) {
    for (let j = 0; j < v.length; j++) {
      dv[j] += dy[i] * W[i * v.length + j]
      dW[i * v.length + j] += dy[i] * v[j]
    }
  }
}

// The adjoint of y = … + b: what dy adds to db.
export function biasBack(dy, db) {
  for (let i = 0; i < dy.length; i++) db[i] += dy[i]
}
