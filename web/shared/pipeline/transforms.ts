// Similarity transforms: how a face in a picture comes into the frame in which a network looks at it.
import type { Matrix, Points } from "./picture";

/** The turn, scale and shift that bring the source points onto the target points with the least squared error. */
export function similarityFromPoints(source: ArrayLike<number>, target: ArrayLike<number>): Matrix {
  const count = source.length / 2;
  let sx = 0, sy = 0, tx = 0, ty = 0;
  for (let k = 0; k < count; k++) {
    sx += source[2 * k]!; sy += source[2 * k + 1]!;
    tx += target[2 * k]!; ty += target[2 * k + 1]!;
  }
  sx /= count; sy /= count; tx /= count; ty /= count;
  let spread = 0, real = 0, imaginary = 0;
  for (let k = 0; k < count; k++) {
    const ax = source[2 * k]! - sx, ay = source[2 * k + 1]! - sy;
    const bx = target[2 * k]! - tx, by = target[2 * k + 1]! - ty;
    spread += ax * ax + ay * ay;
    real += ax * bx + ay * by;
    imaginary += ax * by - ay * bx;
  }
  real /= spread; imaginary /= spread;
  return [real, -imaginary, tx - (real * sx - imaginary * sy), imaginary, real, ty - (imaginary * sx + real * sy)];
}

export function invert([a, b, tx, c, d, ty]: Matrix): Matrix {
  const determinant = a * d - b * c;
  const ia = d / determinant, ib = -b / determinant, ic = -c / determinant, id = a / determinant;
  return [ia, ib, -(ia * tx + ib * ty), ic, id, -(ic * tx + id * ty)];
}

/** Points moved by a transform; a new array. */
export function moved([a, b, tx, c, d, ty]: Matrix, points: ArrayLike<number>): Points {
  const result = new Float64Array(points.length);
  for (let k = 0; k < points.length; k += 2) {
    const x = points[k]!, y = points[k + 1]!;
    result[k] = a * x + b * y + tx;
    result[k + 1] = c * x + d * y + ty;
  }
  return result;
}

/** A transform followed by a change of scale. */
export function scaled(matrix: Matrix, factor: number): Matrix {
  return matrix.map((value) => value * factor) as unknown as Matrix;
}

/** The points of a face by which it is aligned, out of its 68. */
export function chosen(points: Points, rows: readonly number[]): Float64Array {
  return Float64Array.from(rows.flatMap((row) => [points[2 * row]!, points[2 * row + 1]!]));
}
