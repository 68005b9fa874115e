// Hard cuts of a video, from the pictures alone. As `aufait.faces.cuts`.
import type { CutFacts } from "./facts";
import type { Box, Picture } from "./picture";

const ROWS = 18, COLUMNS = 32, SAMPLES = 3, SHIFT = 2;

export class CutDetector {
  /** The last picture, small. */
  picture: Float32Array | null = null;
  private usual = 0;

  constructor(private readonly facts: CutFacts) {}

  reset(): void {
    this.picture = null;
    this.usual = 0;
  }

  /** Whether there is a cut between the last picture and this one. */
  cutBefore(picture: Picture): boolean {
    const before = this.picture;
    this.picture = smallPicture(picture);
    if (!before) return false;
    const now = change(before, this.picture, this.facts.plain);
    const cut = now > Math.max(this.facts.change, this.facts.sudden * this.usual);
    this.usual += this.facts.smoothing * (now - this.usual);
    return cut;
  }
}

/** Brightness of 18 x 32 cells, from nine pixels each. */
export function smallPicture({ width, height, data }: Picture): Float32Array {
  const cells = new Float32Array(ROWS * COLUMNS);
  for (let y = 0; y < ROWS * SAMPLES; y++) {
    const row = Math.floor(((y + 0.5) / (ROWS * SAMPLES)) * height) * width;
    const cell = Math.floor(y / SAMPLES) * COLUMNS;
    for (let x = 0; x < COLUMNS * SAMPLES; x++) {
      const from = (row + Math.floor(((x + 0.5) / (COLUMNS * SAMPLES)) * width)) * 4;
      cells[cell + Math.floor(x / SAMPLES)]! += (data[from]! + data[from + 1]! + data[from + 2]!) / (3 * SAMPLES * SAMPLES);
    }
  }
  return cells;
}

/** Whether no cell differs by more than some grey levels, but for cells whose middle is in one of the boxes. */
export function unchanged(first: Float32Array, second: Float32Array, most: number, boxes: readonly Box[], width: number, height: number): boolean {
  return first.every((value, k) => {
    const x = ((k % COLUMNS) + 0.5) / COLUMNS * width, y = (Math.floor(k / COLUMNS) + 0.5) / ROWS * height;
    const inside = boxes.some(([left, top, right, bottom]) => x >= left && x <= right && y >= top && y <= bottom);
    return inside || Math.abs(value - second[k]!) <= most;
  });
}

/** 1 minus the best correlation over shifts of up to two cells; two plain pictures count as similar. */
export function change(first: Float32Array, second: Float32Array, plain: number): number {
  const noise = plain * plain;
  const inner = centred(first, SHIFT, SHIFT);
  const own = dot(inner, inner) / inner.length;
  let best = -Infinity;
  for (let y = 0; y <= 2 * SHIFT; y++) {
    for (let x = 0; x <= 2 * SHIFT; x++) {
      const window = centred(second, x, y);
      const variance = dot(window, window) / window.length;
      const covariance = dot(window, inner) / inner.length;
      best = Math.max(best, (covariance + noise) / Math.sqrt((own + noise) * (variance + noise)));
    }
  }
  return 1 - best;
}

/** The window of a small picture that begins at a cell, minus its mean. */
function centred(cells: Float32Array, left: number, top: number): Float64Array {
  const width = COLUMNS - 2 * SHIFT, height = ROWS - 2 * SHIFT;
  const values = new Float64Array(width * height);
  let sum = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) sum += values[y * width + x] = cells[(top + y) * COLUMNS + left + x]!;
  }
  const mean = sum / values.length;
  return values.map((value) => value - mean);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}
