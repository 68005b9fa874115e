// A whole picture in fewer pixels, by bilinear weights that are as wide as a target pixel (no aliasing). Bytes in between, as torch.
import type { Picture } from "./picture";

interface Taps {
  starts: Int32Array;
  counts: Int32Array;
  weights: Float32Array;
  most: number;
}

/** Which source pixels each target pixel is a mean of, and their weights. */
export function taps(source: number, target: number): Taps {
  const scale = source / target;
  const support = Math.max(scale, 1);
  const most = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(target), counts = new Int32Array(target), weights = new Float32Array(target * most);
  for (let k = 0; k < target; k++) {
    const center = scale * (k + 0.5);
    const start = Math.max(Math.trunc(center - support + 0.5), 0);
    const count = Math.min(Math.trunc(center + support + 0.5), source) - start;
    let sum = 0;
    for (let j = 0; j < count; j++) {
      const weight = Math.max(1 - Math.abs((j + start - center + 0.5) / support), 0);
      weights[k * most + j] = weight;
      sum += weight;
    }
    for (let j = 0; j < count; j++) weights[k * most + j]! /= sum;
    starts[k] = start;
    counts[k] = count;
  }
  return { starts, counts, weights, most };
}

/** RGB bytes of the picture in `width` x `height` pixels, followed by `border` up to `fullWidth` x `fullHeight`. */
export function shrunk(
  picture: Picture, width: number, height: number, fullWidth: number, fullHeight: number, border: number,
): Uint8Array {
  const rows = acrossRows(picture, width);
  const out = new Uint8Array(fullWidth * fullHeight * 3).fill(border);
  const { starts, counts, weights, most } = taps(picture.height, height);
  const sums = new Float32Array(width * 3);
  for (let y = 0; y < height; y++) {
    sums.fill(0.5);
    for (let j = 0; j < counts[y]!; j++) {
      const weight = weights[y * most + j]!;
      const from = (starts[y]! + j) * width * 3;
      for (let x = 0; x < sums.length; x++) sums[x]! += weight * rows[from + x]!;
    }
    const to = y * fullWidth * 3;
    for (let x = 0; x < sums.length; x++) out[to + x] = sums[x]!;
  }
  return out;
}

/** Every row of the picture in `width` pixels, RGB bytes. */
function acrossRows(picture: Picture, width: number): Uint8Array {
  const { starts, counts, weights, most } = taps(picture.width, width);
  const out = new Uint8Array(width * picture.height * 3);
  const { data } = picture;
  let to = 0;
  for (let y = 0; y < picture.height; y++) {
    const row = y * picture.width * 4;
    for (let x = 0; x < width; x++, to += 3) {
      let red = 0.5, green = 0.5, blue = 0.5;
      let from = row + starts[x]! * 4;
      for (let j = x * most, end = j + counts[x]!; j < end; j++, from += 4) {
        const weight = weights[j]!;
        red += weight * data[from]!;
        green += weight * data[from + 1]!;
        blue += weight * data[from + 2]!;
      }
      out[to] = red;
      out[to + 1] = green;
      out[to + 2] = blue;
    }
  }
  return out;
}
