// The pipeline against numbers that Python has just computed; tests/studio/test_static_golden.py writes them and runs this file.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readTrack } from "../../browser/src/media/mp4";
import { csv, type Moment, type Source } from "../../browser/src/records";
import { keepBest, overlap, overlapOfSmaller } from "../../shared/pipeline/boxes";
import { change, smallPicture } from "../../shared/pipeline/cuts";
import { cropFromBox, cropFromLandmarks } from "../../shared/pipeline/landmarks";
import type { Box, Matrix, Picture } from "../../shared/pipeline/picture";
import { fitHead } from "../../shared/pipeline/pose";
import { pictureQuality } from "../../shared/pipeline/quality";
import type { ScoredFace } from "../../shared/pipeline/score";
import { shrunk } from "../../shared/pipeline/shrink";
import { chosen, similarityFromPoints } from "../../shared/pipeline/transforms";
import { warp } from "../../shared/pipeline/warp";
import { rgbaOf } from "../../shared/pipeline/yuv";

const path = process.env.AUFAIT_GOLDEN;
const golden = path ? JSON.parse(readFileSync(path, "utf8")) : {};

interface Rgb {
  width: number;
  height: number;
  rgb: number[];
}

function picture({ width, height, rgb }: Rgb): Picture {
  const data = new Uint8Array(width * height * 4).fill(255);
  rgb.forEach((value, k) => (data[Math.floor(k / 3) * 4 + (k % 3)] = value));
  return { width, height, data };
}

function near(got: ArrayLike<number>, wanted: ArrayLike<number>, most: number): void {
  expect(got.length).toBe(wanted.length);
  let largest = 0;
  for (let k = 0; k < wanted.length; k++) largest = Math.max(largest, Math.abs(got[k]! - wanted[k]!));
  expect(largest).toBeLessThanOrEqual(most);
}

describe.skipIf(!path)("as Python", () => {
  test("crops of a picture: turned, shrunk, enlarged, half outside", () => {
    for (const { matrix, size, border, rgb } of golden.warps) {
      const out = new Uint8Array(size * size * 3);
      warp(picture(golden.picture), matrix as Matrix, size, border, out);
      near(out, rgb, 1);
    }
  });

  test("a whole picture in fewer and in more pixels", () => {
    for (const { width, height, rgb } of golden.shrunk) near(shrunk(picture(golden.picture), width, height, width, height, 0), rgb, 1);
  });

  test("similarity transforms and the windows of the landmark network", () => {
    const { facts, faces } = golden;
    for (const { points, template, window, box, upright } of faces) {
      const source = chosen(Float64Array.from(points), facts.template.rows);
      near(similarityFromPoints(source, facts.template.points.flat()), template, 1e-6);
      near(cropFromLandmarks(Float64Array.from(points), facts.finder), window, 1e-4);
      near(cropFromBox(box as Box, facts.finder), upright, 1e-4);
    }
  });

  test("head pose and how well it fits", () => {
    for (const { points, rotation, translation, error } of golden.faces) {
      const fit = fitHead(Float64Array.from(points), golden.size[0], golden.size[1], golden.facts.head);
      near(fit.pose.rotation, rotation, 5e-4);
      near(fit.pose.translation, translation, 0.5);
      expect(Math.abs(fit.error - error)).toBeLessThan(1e-4);
    }
  });

  test("quality without the face check", () => {
    for (const { face, quality } of golden.qualities) {
      const own = { ...face, points: Float64Array.from(face.points), id: 0 };
      expect(Math.abs(pictureQuality(picture(golden.picture), own, golden.facts.quality) - quality)).toBeLessThan(1e-5);
    }
  });

  test("overlaps, and which boxes are the same face", () => {
    const { boxes, confidence, overlaps, smaller, kept, keptNested } = golden.boxes;
    near(boxes.flatMap((a: Box) => boxes.map((b: Box) => overlap(a, b))), overlaps.flat(), 1e-6);
    near(boxes.flatMap((a: Box) => boxes.map((b: Box) => overlapOfSmaller(a, b))), smaller.flat(), 1e-6);
    expect(keepBest(boxes, confidence, 0.35)).toEqual(kept);
    expect(keepBest(boxes, confidence, 0.35, 0.7)).toEqual(keptNested);
  });

  test("changes between pictures, from which cuts are seen", () => {
    const [first, second] = golden.cuts.pictures.map((one: Rgb) => smallPicture(picture(one)));
    near(first!, golden.cuts.small, 1e-2);
    expect(Math.abs(change(first!, second!, golden.facts.cuts.plain) - golden.cuts.change)).toBeLessThan(1e-3);
  });

  test("colours of a video's frame, to the last bit", () => {
    for (const { width, height, data, offsets, strides, matrix, full, rgb } of golden.yuv) {
      const rgba = rgbaOf({ width, height, data: Uint8Array.from(data), offsets, strides }, matrix, full);
      near(rgba.filter((_, k) => k % 4 < 3), rgb, 0);
    }
  });

  test("which frames an MP4 file holds, and when", async () => {
    for (const { file, times, codec, keys } of golden.films) {
      const track = await readTrack(new Blob([readFileSync(file)]));
      if (!times) {
        expect(track).toBeNull();
        continue;
      }
      const shown = track!.samples.map((sample) => sample.time).sort((a, b) => a - b);
      near(shown, times, 1e-6);
      expect(track!.codec).toMatch(new RegExp(codec));
      expect(track!.samples.filter((sample) => sample.key).length).toBe(keys);
    }
  });

  test("the table, letter by letter", () => {
    for (const { kind, text, source, moments } of golden.tables) {
      const made: Moment[] = moments.map((moment: { faces: Record<string, number[]>[] }) => ({
        ...moment, faces: moment.faces.map((face) => face as unknown as ScoredFace),
      }));
      expect(csv(made, { ...source, kind } as Source, golden.facts)).toBe(text);
    }
  });
});
