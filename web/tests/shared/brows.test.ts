import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { onTheBrows } from "../../shared/brows";

const python = [process.env.AUFAIT_PYTHON, resolve(import.meta.dirname, "../../../.venv/bin/python")].find((path) => path && existsSync(path));
const PROGRAM = `
import json, sys
import numpy as np
from aufait.visualization.results.face_marks import on_the_brows
print(json.dumps(on_the_brows(np.array(json.load(sys.stdin)).reshape(68, 2)).ravel().tolist()))`;

it.skipIf(!python)("brow points move as in Python, the others stay", () => {
  const points = Array.from({ length: 136 }, (_, place) => 100 + 50 * Math.sin(place * 1.7) + place / 3);
  const theirs = JSON.parse(execFileSync(python!, ["-c", PROGRAM], { input: JSON.stringify(points) }).toString()) as number[];
  const ours = onTheBrows(points);
  ours.forEach((value, place) => expect(value).toBeCloseTo(theirs[place]!, 9));
  const moved = ours.flatMap((value, place) => (value === points[place] ? [] : [Math.floor(place / 2)]));
  expect(new Set(moved)).toEqual(new Set(Array.from({ length: 10 }, (_, place) => 17 + place)));
});

it("a face whose points are not all known is left as it is", () => {
  const points = new Array<number | null>(136).fill(null);
  expect(onTheBrows(points)).toEqual(points);
});
