import { expect, test } from "vitest";
import type { ActionUnit, SummaryRow } from "../../studio/src/api";
import { spots, WIDTH } from "../../studio/src/insight/faceShape";
import { linesOf, sorted } from "../../studio/src/insight/summaryTable";

const unit = (number: number, points: [number, number][]): ActionUnit => ({ unit: number, name: "", muscles: "", points });
/** A template of another shape than the drawing: inter-corner units at plausible places. */
const TEMPLATE = [
  unit(1, [[0.57, 0.27], [0.43, 0.27]]), unit(6, [[0.7, 0.57], [0.3, 0.57]]), unit(12, [[0.62, 0.7], [0.38, 0.7]]),
  unit(15, [[0.62, 0.7], [0.38, 0.7]]), unit(25, [[0.5, 0.67], [0.5, 0.74]]),
];

test("places are symmetric, the person's left is on the right, and the mouth is below the brows", () => {
  const places = spots(TEMPLATE);
  for (const number of [1, 6, 12]) {
    const [left, right] = places.get(number)!;
    expect(left!.side).toBe("left");
    expect(left!.x).toBeGreaterThan(WIDTH / 2);
    expect(left!.x + right!.x).toBeCloseTo(WIDTH, 6);
  }
  expect(places.get(12)![0]!.y).toBeGreaterThan(places.get(1)![0]!.y + 50);
});

test("a template that is scaled and shifted lies on the same places of the drawing", () => {
  const moved = TEMPLATE.map((one) => ({ ...one, points: one.points.map(([x, y]): [number, number] => [0.3 + x / 3, 0.1 + y / 2]) }));
  const [one, other] = [spots(TEMPLATE).get(12)![0]!, spots(moved).get(12)![0]!];
  expect(other.x).toBeCloseTo(one.x, 6);
  expect(other.y).toBeCloseTo(one.y, 6);
});

test("units at one place move in their own ways, mirrored on the other side", () => {
  const places = spots(TEMPLATE);
  const [pull, press] = [places.get(12)!, places.get(15)!];
  expect(pull[0]!.way![1]).toBeLessThan(0);
  expect(press[0]!.way![1]).toBeGreaterThan(0);
  expect(pull[1]!.way![0]).toBeCloseTo(-pull[0]!.way![0], 9);
  const [upper, lower] = places.get(25)!;
  expect([upper!.side, upper!.way![1], lower!.way![1]]).toEqual([null, -1, 1]);
});

const row = (face: number, number: number, measure: string, value: number | null): SummaryRow => ({ face, unit: number, measure, value, low: null, high: null });

test("the table has a line per unit of the face; what is not known is sorted last either way", () => {
  const rows = [row(0, 12, "events_per_minute", 3), row(0, 1, "events_per_minute", null), row(0, 6, "events_per_minute", 8), row(0, 6, "intensity_mean", 1.5), row(1, 12, "events_per_minute", 99), row(0, 12, "unheard_of", 1)];
  const lines = linesOf(rows, 0);
  expect(lines.map((line) => line.unit)).toEqual([1, 6, 12]);
  expect(lines[1]!.cells["mean"]!.value).toBe(1.5);
  expect(sorted(lines, "rate", true).map((line) => line.unit)).toEqual([6, 12, 1]);
  expect(sorted(lines, "rate", false).map((line) => line.unit)).toEqual([12, 6, 1]);
});
