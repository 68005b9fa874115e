// The little linear algebra that fitting a head takes.

/** Solves `matrix` x = `right` for a square matrix (n rows of n numbers); both arrays are overwritten, the answer is in `right`. */
export function solve(matrix: Float64Array, right: Float64Array, columns = 1): void {
  const n = right.length / columns;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let row = k + 1; row < n; row++) {
      if (Math.abs(matrix[row * n + k]!) > Math.abs(matrix[pivot * n + k]!)) pivot = row;
    }
    if (pivot !== k) {
      swap(matrix, n, k, pivot);
      swap(right, columns, k, pivot);
    }
    for (let row = k + 1; row < n; row++) {
      const factor = matrix[row * n + k]! / matrix[k * n + k]!;
      for (let c = k; c < n; c++) matrix[row * n + c]! -= factor * matrix[k * n + c]!;
      for (let c = 0; c < columns; c++) right[row * columns + c]! -= factor * right[k * columns + c]!;
    }
  }
  for (let row = n - 1; row >= 0; row--) {
    for (let c = 0; c < columns; c++) {
      let value = right[row * columns + c]!;
      for (let k = row + 1; k < n; k++) value -= matrix[row * n + k]! * right[k * columns + c]!;
      right[row * columns + c] = value / matrix[row * n + row]!;
    }
  }
}

function swap(values: Float64Array, length: number, a: number, b: number): void {
  for (let c = 0; c < length; c++) {
    const kept = values[a * length + c]!;
    values[a * length + c] = values[b * length + c]!;
    values[b * length + c] = kept;
  }
}

/** a b for two 3 x 3 matrices, row by row. */
export function product3(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  const out = new Float64Array(9);
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      out[3 * i + j] = a[3 * i]! * b[j]! + a[3 * i + 1]! * b[3 + j]! + a[3 * i + 2]! * b[6 + j]!;
    }
  }
  return out;
}

export function cross(a: ArrayLike<number>, b: ArrayLike<number>): [number, number, number] {
  return [a[1]! * b[2]! - a[2]! * b[1]!, a[2]! * b[0]! - a[0]! * b[2]!, a[0]! * b[1]! - a[1]! * b[0]!];
}

/** The rotation nearest to a 3 x 3 matrix with a positive determinant: the mean of it and its inverse transposed, again and again. */
export function nearestRotation(matrix: ArrayLike<number>): Float64Array {
  let now = Float64Array.from(matrix);
  for (let round = 0; round < 60; round++) {
    const rows = [now.subarray(0, 3), now.subarray(3, 6), now.subarray(6, 9)] as const;
    const cofactors = [...cross(rows[1], rows[2]), ...cross(rows[2], rows[0]), ...cross(rows[0], rows[1])];
    const determinant = now[0]! * cofactors[0]! + now[1]! * cofactors[1]! + now[2]! * cofactors[2]!;
    const next = now.map((value, k) => (value + cofactors[k]! / determinant) / 2);
    const change = Math.max(...next.map((value, k) => Math.abs(value - now[k]!)));
    now = next;
    if (change < 1e-13) break;
  }
  return now;
}

/** Middle value of an odd or even number of values, as NumPy's `median`. */
export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
