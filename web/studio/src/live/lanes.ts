// Lanes of the last seconds on one canvas: a row per action unit, now at the right edge.

import type { Trace } from "./history";

export interface LaneLook {
  highest: number;
  span: number;
  row: number;
  line: string;
  fill: string;
  grid: string;
}

const GAP = 1; // seconds without scores break the line

/** Places of a trace where an unbroken run begins and ends: [first, last] with scores, no pause of over a second. */
export function runs(time: readonly number[], values: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  let first = -1;
  for (let place = 0; place <= time.length; place++) {
    const on = place < time.length && Number.isFinite(values[place]!);
    const pause = on && first >= 0 && time[place]! - time[place - 1]! > GAP;
    if (first >= 0 && (!on || pause)) {
      found.push([first, place - 1]);
      first = -1;
    }
    if (on && first < 0) first = place;
  }
  return found;
}

function drawRow(pen: CanvasRenderingContext2D, trace: Trace, row: number, now: number, width: number, look: LaneLook): void {
  const values = trace.values[row]!;
  const bottom = (row + 1) * look.row - 2;
  const x = (place: number): number => width * (1 - (now - trace.time[place]!) / look.span);
  const y = (place: number): number => bottom - (look.row - 5) * Math.min(1, Math.max(0, values[place]! / look.highest));
  for (const [first, last] of runs(trace.time, values)) {
    const path = new Path2D();
    path.moveTo(x(first), y(first));
    for (let place = first + 1; place <= last; place++) path.lineTo(x(place), y(place));
    pen.stroke(path);
    path.lineTo(x(last), bottom);
    path.lineTo(x(first), bottom);
    pen.fill(path);
  }
}

/** Draws `trace` (null: nothing but the grid) on a canvas of `width` CSS pixels; the pen is scaled for them already. */
export function drawLanes(pen: CanvasRenderingContext2D, trace: Trace | null, rows: number, width: number, look: LaneLook): void {
  pen.clearRect(0, 0, width, rows * look.row);
  pen.fillStyle = look.grid;
  for (let row = 1; row <= rows; row++) pen.fillRect(0, row * look.row - 1.5, width, 1);
  for (let second = 5; second < look.span; second += 5) pen.fillRect(width * (1 - second / look.span), 0, 1, rows * look.row);
  if (!trace?.time.length) return;
  const now = trace.time[trace.time.length - 1]!;
  pen.strokeStyle = look.line;
  pen.fillStyle = look.fill;
  pen.lineWidth = 1.4;
  for (let row = 0; row < rows; row++) drawRow(pen, trace, row, now, width, look);
}
