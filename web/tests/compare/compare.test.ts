import { expect, test } from "vitest";
import { Pair } from "../../studio/src/compare/pair.svelte";
import { byDistance, byLength, tabled } from "../../studio/src/compare/tables";

test("the common clock is the first's; the second's time is behind by the offset", () => {
  const pair = new Pair();
  pair.setHalves({ start: 0, duration: 10 }, { start: 0, duration: 4 });
  pair.shift(-2);
  expect([pair.start, pair.end]).toEqual([-2, 10]);
  pair.seek(1);
  expect([pair.timeOf(0), pair.timeOf(1)]).toEqual([1, 3]);
  pair.seek(5);
  expect(pair.timeOf(1)).toBeNull(); // it is over
  pair.seek(-1.5);
  expect([pair.timeOf(0), pair.timeOf(1)]).toEqual([null, 0.5]);
});

test("the clock stays between the beginning of the earlier and the end of the later", () => {
  const pair = new Pair();
  pair.setHalves({ start: 0, duration: 3 }, { start: 0, duration: 3 });
  pair.shift(2);
  pair.seek(99);
  expect(pair.time).toBeGreaterThan(4.9);
  expect(pair.time).toBeLessThan(5);
  pair.seek(-99);
  expect(pair.time).toBe(0);
});

test("units that differ most come first, those without a common time last", () => {
  const lanes = (difference: (number | null)[]) => ({ difference });
  const found = byDistance({ 1: lanes([null, null]), 6: lanes([0.5, -1.5, null]), 12: lanes([3]) });
  expect(found).toEqual([{ unit: 12, distance: 3 }, { unit: 6, distance: 1 }, { unit: 1, distance: null }]);
});

test("measures become a line per unit and a column per name", () => {
  const measure = (unit: number, name: string, value: number | null) => ({ unit, measure: name, value, count: 3 });
  const { names, lines } = tabled([measure(12, "kappa", 0.5), measure(12, "icc", null), measure(1, "kappa", 0.1)]);
  expect(names).toEqual(["kappa", "icc"]);
  expect(lines.map((line) => [line.unit, line.cells.get("kappa")!.value])).toEqual([[1, 0.1], [12, 0.5]]);
  expect(lines[0]!.cells.has("icc")).toBe(false);
});

test("the longest disagreement is told first", () => {
  const stretch = (start: number, end: number) => ({ unit: 1, start, end, said_by: "first" as const });
  expect(byLength([stretch(0, 1), stretch(5, 9), stretch(2, 4)]).map((one) => one.start)).toEqual([5, 2, 0]);
});
