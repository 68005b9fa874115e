// The drawn face: its lines, and where the studio's action units lie on it. The viewer sees the person's left on the right.

import type { ActionUnit } from "../api";

export const WIDTH = 200;
export const HEIGHT = 236;
export type Point = [x: number, y: number];

/** Lines of a face seen from the front; what is listed in `HALVES` is drawn twice, mirrored. */
export const OUTLINE = "M100 14C60 14 36 44 36 92c0 26 4 52 14 74 9 20 28 52 50 52s41-32 50-52c10-22 14-48 14-74 0-48-24-78-64-78Z";
export const MIDLINE = [
  "M91 136c3 4 6 5 9 5s6-1 9-5", // tip of the nose
  "M76 166c9-6 16-8 20-7 2 0 3 1 4 1s2-1 4-1c4-1 11 1 20 7-7 8-15 11-24 11s-17-3-24-11Z", // lips
  "M76 166c10 2 17 1.500 24 1.500s14 .5 24-1.500",
  "M90 198c6-4 14-4 20 0", // chin
];
export const HALVES = [
  "M114 79c6-7 22-11 38 1", // brow
  "M117 96c6-9 22-10 31 0-8 8-24 8-31 0Z", // eye
  "M132 89.200a6.600 6.600 0 1 0 .1 0Z", // iris
  "M109 94c0 14 2 24 8 34 3 6 0 10-6 9", // side of the nose
  "M164 88c7-5 12 1 10 14-2 12-6 20-13 20", // ear
  "M124 134c8 5 13 13 14 22", // fold between nose and cheek
];

/** Where units with a plain place are on the drawing: on the person's left, or on the midline the upper of two places. */
const ANCHORS: Record<number, Point> = {
  1: [114, 62], 2: [145, 63], 4: [139, 86], 6: [140, 134], 7: [126, 90], 9: [107, 120], 12: [124, 166], 23: [100, 160], 26: [109, 193],
};

/** Which way skin moves: at the person's left (mirrored for the right), or at the upper and the lower place of the midline. */
const WAYS: Record<number, Point | [Point, Point]> = {
  1: [0, -1], 2: [0.2, -1], 4: [-0.7, 0.7], 5: [0, -1], 6: [-0.2, -1], 7: [0, 1], 9: [0, -1], 10: [0, -1], 12: [0.7, -0.7], 14: [-1, 0],
  15: [0.3, 1], 17: [0, -1], 20: [1, 0.1], 26: [0, 1], 43: [0, 1], 45: [0, 1],
  23: [[0, 1], [0, -1]], 24: [[0, 1], [0, -1]], 28: [[0, 1], [0, -1]], 25: [[0, -1], [0, 1]],
};

/** Scale and shift that bring `from` to `to` with the least squared error. */
function line(from: number[], to: number[]): [scale: number, shift: number] {
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [a, b] = [mean(from), mean(to)];
  const spread = from.reduce((sum, value) => sum + (value - a) ** 2, 0);
  const together = from.reduce((sum, value, place) => sum + (value - a) * (to[place]! - b), 0);
  const scale = spread > 1e-9 ? together / spread : 1;
  return [scale, b - scale * a];
}

/** From the template of the studio's points to the drawing: learned from the units whose place on the drawing is known. */
function fit(units: readonly ActionUnit[]): (point: Point) => Point {
  const known = units.filter((unit) => ANCHORS[unit.unit] && unit.points.length);
  if (known.length < 3) return ([x, y]) => [x * WIDTH, y * HEIGHT];
  const both = known.flatMap(({ unit, points }): [Point, Point][] => {
    const anchor = ANCHORS[unit]!;
    const mirrored: Point = [WIDTH - anchor[0], anchor[1]];
    // Two places on the midline are above each other: only the upper one is known.
    const sides = points.length > 1 && Math.abs(points[0]![0] - points[1]![0]) > 1e-3;
    return sides ? [[points[0]!, anchor], [points[1]!, mirrored]] : [[points[0]!, anchor]];
  });
  const [sx, tx] = line(both.map(([from]) => from[0]), both.map(([, to]) => to[0]));
  const [sy, ty] = line(both.map(([from]) => from[1]), both.map(([, to]) => to[1]));
  return ([x, y]) => [sx * x + tx, sy * y + ty];
}

export interface Spot {
  x: number;
  y: number;
  side: "left" | "right" | null;
  /** Unit vector of the movement, null where it has no direction worth an arrow. */
  way: Point | null;
}

function wayOf(unit: number, place: number, side: Spot["side"]): Point | null {
  const way = WAYS[unit];
  if (!way) return null;
  const [x, y] = (Array.isArray(way[0]) ? way[place] : way) as Point;
  const long = Math.hypot(x, y);
  return [(side === "right" ? -x : x) / long, y / long];
}

/** Every unit's places on the drawing. */
export function spots(units: readonly ActionUnit[]): Map<number, Spot[]> {
  const place = fit(units);
  return new Map(
    units.map(({ unit, points }) => [
      unit,
      points.map((point, index): Spot => {
        const [x, y] = place(point);
        const side = points.length < 2 || Math.abs(points[0]![0] - points[1]![0]) < 1e-3 ? null : index === 0 ? "left" : "right";
        return { x, y, side, way: wayOf(unit, index, side) };
      }),
    ]),
  );
}
