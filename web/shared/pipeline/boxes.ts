// Boxes: overlap, which of several are the same face, boxes of landmarks. As `aufait.faces.boxes`.
import type { Box, Points } from "./picture";

export function landmarkBox(points: Points): Box {
  let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
  for (let k = 0; k < points.length; k += 2) {
    x0 = Math.min(x0, points[k]!); x1 = Math.max(x1, points[k]!);
    y0 = Math.min(y0, points[k + 1]!); y1 = Math.max(y1, points[k + 1]!);
  }
  return [x0, y0, x1, y1];
}

export function boxSize(box: Box): number {
  return Math.max(box[2] - box[0], box[3] - box[1]);
}

export function boxCenter(box: Box): [number, number] {
  return [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
}

function area(box: Box): number {
  return Math.max(box[2] - box[0], 0) * Math.max(box[3] - box[1], 0);
}

function intersection(a: Box, b: Box): number {
  return Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0) * Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
}

/** Intersection over union. */
export function overlap(a: Box, b: Box): number {
  const inner = intersection(a, b);
  return inner / Math.max(area(a) + area(b) - inner, 1e-9);
}

/** Intersection over the smaller box's area. */
export function overlapOfSmaller(a: Box, b: Box): number {
  return intersection(a, b) / Math.max(Math.min(area(a), area(b)), 1e-9);
}

/**
 * Non-maximum suppression: the rows that stay, surest first.
 *
 * Of two boxes whose intersection over union exceeds `most`, or whose intersection covers more than `nested` of the smaller one, the
 * less sure goes; `nested` above 1 switches the second rule off.
 */
export function keepBest(boxes: readonly Box[], confidence: readonly number[], most: number, nested = 1.1): number[] {
  const gone = new Uint8Array(boxes.length);
  const kept: number[] = [];
  for (const row of ranked(confidence)) {
    if (gone[row]) continue;
    kept.push(row);
    for (let other = 0; other < boxes.length; other++) {
      const same = overlap(boxes[row]!, boxes[other]!) > most;
      if (same || (nested <= 1 && overlapOfSmaller(boxes[row]!, boxes[other]!) > nested)) gone[other] = 1;
    }
  }
  return kept;
}

/** Rows from the largest value to the smallest; equal ones in their order. */
export function ranked(values: readonly number[]): number[] {
  return values.map((_, row) => row).sort((a, b) => values[b]! - values[a]! || a - b);
}

/** Rows of boxes, best first, without those of which `share` is inside a larger box before them. */
export function wholeFaces(boxes: readonly Box[], share: number): number[] {
  return boxes.flatMap((box, row) => {
    const part = boxes.slice(0, row).some((other) => overlapOfSmaller(box, other) > share && area(box) < area(other));
    return part ? [] : [row];
  });
}
