// One square crop of a picture: bilinear, without aliasing, a plain border outside. As `aufait.alignment.warp`.
import { clip, type Matrix, type Picture } from "./picture";
import { invert } from "./transforms";

/** A part of a picture in which colours are kept relative to the border, three numbers a pixel. */
interface Part {
  width: number;
  height: number;
  values: Float32Array;
}

/** Whole number of source pixels per crop pixel, at least 1. */
export function shrinkFactor(toSource: Matrix): number {
  const area = Math.abs(toSource[0] * toSource[4] - toSource[1] * toSource[3]);
  return Math.max(1, Math.floor(Math.sqrt(area) + 1e-6));
}

/** The half-open pixel box of the picture that a crop can see; null where it sees nothing of it. */
export function sourceWindow(toSource: Matrix, size: number, width: number, height: number): [number, number, number, number] | null {
  const margin = shrinkFactor(toSource) + 1;
  const [a, b, tx, c, d, ty] = toSource;
  const end = size - 1;
  const xs = [tx, a * end + tx, b * end + tx, a * end + b * end + tx];
  const ys = [ty, c * end + ty, d * end + ty, c * end + d * end + ty];
  const x0 = clip(Math.floor(Math.min(...xs)) - margin, 0, width), x1 = clip(Math.ceil(Math.max(...xs)) + margin + 1, 0, width);
  const y0 = clip(Math.floor(Math.min(...ys)) - margin, 0, height), y1 = clip(Math.ceil(Math.max(...ys)) + margin + 1, 0, height);
  return x1 <= x0 || y1 <= y0 ? null : [x0, y0, x1, y1];
}

/** Means over blocks of `factor` x `factor` pixels; what is missing of the last blocks is filled with the border. */
function blockMeans(picture: Picture, box: [number, number, number, number], factor: number, border: number): Part {
  const [x0, y0, x1, y1] = box;
  const width = Math.ceil((x1 - x0) / factor), height = Math.ceil((y1 - y0) / factor);
  const values = new Float32Array(width * height * 3);
  const { data } = picture;
  for (let y = y0; y < y1; y++) {
    const row = Math.floor((y - y0) / factor) * width * 3;
    let from = (y * picture.width + x0) * 4;
    for (let x = x0, column = 0, inside = 0; x < x1; x++, from += 4) {
      const to = row + column;
      values[to]! += data[from]! - border;
      values[to + 1]! += data[from + 1]! - border;
      values[to + 2]! += data[from + 2]! - border;
      if (++inside === factor) {
        inside = 0;
        column += 3;
      }
    }
  }
  if (factor > 1) {
    const share = 1 / (factor * factor);
    for (let k = 0; k < values.length; k++) values[k]! *= share;
  }
  return { width, height, values };
}

/**
 * A crop of `size` x `size` pixels, RGB bytes, written into `out` from `offset` on.
 *
 * `matrix` maps pixels of the picture to those of the crop. Only the part that the crop shows is touched. A crop that shrinks it at
 * least twofold is taken from means over blocks.
 */
export function warp(picture: Picture, matrix: Matrix, size: number, border: number, out: Uint8Array, offset = 0): void {
  const toSource = invert(matrix);
  const window = sourceWindow(toSource, size, picture.width, picture.height);
  if (window === null) {
    out.fill(border, offset, offset + size * size * 3);
    return;
  }
  const factor = shrinkFactor(toSource);
  const [x0, y0] = window;
  // Whole blocks where the picture has them.
  const x1 = Math.min(window[2] + mod(x0 - window[2], factor), picture.width);
  const y1 = Math.min(window[3] + mod(y0 - window[3], factor), picture.height);
  const part = blockMeans(picture, [x0, y0, x1, y1], factor, border);
  const half = (factor - 1) / 2;
  const [a, b, tx, c, d, ty] = toSource;
  sample(part, [a / factor, b / factor, (tx - x0 - half) / factor, c / factor, d / factor, (ty - y0 - half) / factor], size, border, out, offset);
}

function sample(part: Part, [a, b, tx, c, d, ty]: Matrix, size: number, border: number, out: Uint8Array, offset: number): void {
  const { width, height, values } = part;
  const lastX = width - 1, lastY = height - 1, stride = width * 3;
  let to = offset;
  for (let j = 0; j < size; j++) {
    for (let i = 0; i < size; i++, to += 3) {
      const x = a * i + b * j + tx, y = c * i + d * j + ty;
      const left = Math.floor(x), top = Math.floor(y);
      const u = x - left, v = y - top;
      let red = 0, green = 0, blue = 0;
      if (left >= 0 && top >= 0 && left < lastX && top < lastY) {
        const p = top * stride + left * 3, q = p + stride;
        const w00 = (1 - u) * (1 - v), w10 = u * (1 - v), w01 = (1 - u) * v, w11 = u * v;
        red = w00 * values[p]! + w10 * values[p + 3]! + w01 * values[q]! + w11 * values[q + 3]!;
        green = w00 * values[p + 1]! + w10 * values[p + 4]! + w01 * values[q + 1]! + w11 * values[q + 4]!;
        blue = w00 * values[p + 2]! + w10 * values[p + 5]! + w01 * values[q + 2]! + w11 * values[q + 5]!;
      } else if (left >= -1 && top >= -1 && left <= lastX && top <= lastY) {
        for (let corner = 0; corner < 4; corner++) {
          const cx = left + (corner & 1), cy = top + (corner >> 1);
          if (cx < 0 || cy < 0 || cx > lastX || cy > lastY) continue;
          const weight = (corner & 1 ? u : 1 - u) * (corner >> 1 ? v : 1 - v);
          const p = cy * stride + cx * 3;
          red += weight * values[p]!;
          green += weight * values[p + 1]!;
          blue += weight * values[p + 2]!;
        }
      }
      out[to] = byte(red + border);
      out[to + 1] = byte(green + border);
      out[to + 2] = byte(blue + border);
    }
  }
}

function byte(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : (value + 0.5) | 0;
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}
