import { expect, test } from "vitest";
import type { FrameFace } from "../../studio/src/api";
import { History } from "../../studio/src/live/history";
import { runs } from "../../studio/src/live/lanes";

const face = (number: number, intensity: (number | null)[]): FrameFace => ({
  face: number, box: [0, 0, 10, 10], landmarks: [], quality: 1, probability: [], intensity, left: [], right: [],
});

test("a face that is not in a frame has a gap there, and comes back in its own lane", () => {
  const history = new History(2);
  history.add(0, [face(0, [1, 2]), face(1, [3, 4])], "intensity");
  history.add(0.1, [face(1, [5, null])], "intensity");
  history.add(0.2, [face(0, [1, 2])], "intensity");
  expect(history.trace(0)!.values[0]).toEqual([1, NaN, 1]);
  expect(history.trace(1)!.values).toEqual([[3, 5, NaN], [4, NaN, NaN]]);
});

test("only the last seconds are kept, and faces that left are forgotten", () => {
  const history = new History(1, 30);
  for (let time = 0; time < 100; time += 0.1) history.add(time, time < 20 ? [face(0, [1]), face(1, [1])] : [face(0, [1])], "intensity");
  const { time } = history.trace(0)!;
  expect(time.at(-1)! - time[0]!).toBeLessThan(33);
  expect(time.at(-1)! - time[0]!).toBeGreaterThan(29.9);
  expect(history.faces).toEqual([0]);
});

test("a clock that starts again starts the lanes again", () => {
  const history = new History(1);
  history.add(50, [face(0, [1])], "intensity");
  history.add(0.1, [face(0, [2])], "intensity");
  expect(history.trace(0)!.time).toEqual([0.1]);
});

test("lines break at unknown values and at pauses of over a second", () => {
  expect(runs([0, 0.1, 0.2, 0.3, 2, 2.1], [1, NaN, 1, 1, 1, 1])).toEqual([[0, 0], [2, 3], [4, 5]]);
  expect(runs([], [])).toEqual([]);
});
