import { expect, test } from "vitest";
import type { FrameFace } from "../../studio/src/api";
import { cell, Recorder } from "../../studio/src/live/recorder";

const face = (number: number): FrameFace => ({
  face: number, box: [1, 2, 3, 4], landmarks: [], quality: 0.5, probability: [0.25, null], intensity: [1.5, null], left: [2, null], right: [1, null],
});
const rows = (recorder: Recorder): Record<string, string>[] => {
  const [head, ...lines] = recorder.csv().trimEnd().split("\n").map((line) => line.split(","));
  return lines.map((line) => Object.fromEntries(head!.map((name, place) => [name, line[place]!])));
};

test("a row per face and frame, times from the beginning, unknown values empty", () => {
  const recorder = new Recorder("clip.mp4", 640, 480);
  recorder.add(10, { action_units: [1, 12], faces: [face(0), face(3)] }, "intensity");
  recorder.add(10.5, { action_units: [1, 12], faces: [] }, "intensity");
  const [first, second, third] = rows(recorder);
  expect(first).toMatchObject({ frame: "1", face_id: "0", timestamp: "0.000", success: "1", AU01_p: "0.25", AU01_r: "1.5", AU01_left_r: "2", AU12_r: "", source: "clip.mp4" });
  expect(second).toMatchObject({ frame: "1", face_id: "3" });
  expect(third).toMatchObject({ frame: "2", success: "0", presentation_time: "0.5", quality: "", AU01_p: "", width: "640" });
});

test("every row has as many cells as the header, also without a face", () => {
  const recorder = new Recorder("x", 2, 2);
  recorder.add(0, { action_units: [1, 12], faces: [face(0)] }, "probability");
  recorder.add(1, { action_units: [1, 12], faces: [] }, "probability");
  const widths = new Set(recorder.csv().trimEnd().split("\n").map((line) => line.split(",").length));
  expect(widths.size).toBe(1);
});

test("a full table says so and takes no more", () => {
  const recorder = new Recorder("x", 2, 2, 3);
  for (let time = 0; time < 5; time++) recorder.add(time, { action_units: [1, 12], faces: [face(0), face(1)] }, "intensity");
  expect(recorder.full).toBe(true);
  expect(recorder.rows).toBe(3);
  expect(recorder.seconds).toBe(1);
});

test("names of files cannot become formulas or new cells", () => {
  expect(cell("=1+1")).toBe("'=1+1");
  expect(cell('a,"b"')).toBe('"a,""b"""');
  expect(cell("@x,y")).toBe('"\'@x,y"');
});
