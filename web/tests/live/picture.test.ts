import { expect, test } from "vitest";
import type { FrameFace } from "../../studio/src/api";
import { sentence } from "../../studio/src/live/camera";
import { fitted, Projection, sentSize } from "../../studio/src/live/geometry";
import { kindOf, packed, parsed } from "../../studio/src/live/messages";
import { bars } from "../../studio/src/live/overlay";

const face = (given: Partial<FrameFace>): FrameFace => ({
  face: 0, box: [0, 0, 1, 1], landmarks: [], quality: 1, probability: [], intensity: [], left: [], right: [], ...given,
});

test("pictures keep their proportions, stay within 640 x 480 and are never enlarged", () => {
  expect(sentSize(1920, 1080)).toEqual({ width: 640, height: 360 });
  expect(sentSize(480, 960)).toEqual({ width: 240, height: 480 });
  expect(sentSize(640, 480)).toEqual({ width: 640, height: 480 });
  expect(sentSize(321, 200)).toEqual({ width: 322, height: 200 });
});

test("a point lies at the same place of the picture wherever it is drawn, mirrored or not", () => {
  const place = fitted(640, 360, 800, 600);
  expect(place).toEqual({ x: 0, y: 75, width: 800, height: 450 });
  const plain = new Projection(640, 360, place, false);
  const mirrored = new Projection(640, 360, place, true);
  expect([plain.x(160), plain.y(180)]).toEqual([200, 300]);
  expect(mirrored.x(160)).toBe(600);
  expect(mirrored.box([160, 0, 320, 360])).toEqual([400, 75, 600, 525]);
});

test("a packed picture begins with its time, little-endian", () => {
  const bytes = packed(1234.5, new Uint8Array([255, 216, 9]).buffer);
  expect(new DataView(bytes).getFloat64(0, true)).toBe(1234.5);
  expect([...new Uint8Array(bytes, 8)]).toEqual([255, 216, 9]);
});

test("text that is no message is passed over", () => {
  expect(parsed("{")).toBeNull();
  expect(parsed('{"a": 1}')).toBeNull();
  expect(parsed('{"type": "state", "state": "running", "message": ""}')).toMatchObject({ state: "running" });
});

test("bars show the strongest units in the order of their numbers, with their sides", () => {
  const one = face({ intensity: [1, 5, 0.2, 3], left: [0, 5, null, null], right: [1, 2.5, null, null] });
  expect(bars(one, [1, 12, 17, 25], "intensity", 2)).toEqual([
    { unit: 12, value: 5, left: 1, right: 0.5, sided: true },
    { unit: 25, value: 3, left: 0.6, right: 0.6, sided: false },
  ]);
});

test("a network without intensities is shown by its probabilities", () => {
  expect(kindOf([face({ probability: [0.5], intensity: [null] })])).toBe("probability");
  expect(kindOf([face({ probability: [0.5], intensity: [0] })])).toBe("intensity");
  expect(kindOf([])).toBeNull();
});

test("each way a camera can be refused has a sentence that says what to do", () => {
  const told = ["NotAllowedError", "NotFoundError", "NotReadableError", "OverconstrainedError"].map((name) => sentence(new DOMException("", name)));
  expect(new Set(told).size).toBe(4);
  expect(sentence(new DOMException("", "SomethingNew"))).toContain("SomethingNew");
});
