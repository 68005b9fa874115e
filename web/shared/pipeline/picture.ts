// Pictures as a canvas holds them, and the numbers that say where something is in them.

/** Pixels as RGBA bytes, row by row. */
export interface Picture {
  width: number;
  height: number;
  data: Uint8Array | Uint8ClampedArray;
}

/** Left, top, right, bottom in pixels. */
export type Box = readonly [number, number, number, number];

/** x, y of 68 points, one after another: 136 numbers. */
export type Points = Float64Array;

/** The six numbers a, b, tx, c, d, ty of x' = a x + b y + tx, y' = c x + d y + ty. */
export type Matrix = readonly [number, number, number, number, number, number];

/** The sum that Python's `round` gives: halves go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const whole = Math.floor(value);
  const rest = value - whole;
  if (rest !== 0.5) return Math.round(value);
  return whole % 2 === 0 ? whole : whole + 1;
}

export function clip(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}
