// Points of a face: windows of the picture read by the landmark network. As `aufait.faces.builtin.LandmarkReader`.
import { boxCenter, boxSize } from "./boxes";
import type { FinderFacts } from "./facts";
import type { RunGraph } from "./networks";
import { clip, type Box, type Matrix, type Picture, type Points } from "./picture";
import { invert, moved } from "./transforms";
import { warp } from "./warp";

export interface Reading {
  points: Points;
  score: number;
}

const BATCH = 8;

/** Points and scores of windows given by their transforms; with `twice`, of their mirror images too, and both must agree. */
export async function read(
  picture: Picture, matrices: readonly Matrix[], run: RunGraph, facts: FinderFacts, twice: boolean,
): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (let start = 0; start < matrices.length; start += BATCH) {
    const group = matrices.slice(start, start + BATCH);
    const found = await readCrops(picture, group, run, facts, twice);
    readings.push(...group.map((matrix, k) => (twice ? together(found, k, group.length, matrix, facts) : alone(found, k, matrix))));
  }
  return readings;
}

/**
 * Points and scores of windows after the points of the frame before. Those in doubt, and with `check` all, are read from both
 * sides too; the points are then the mean only of those in doubt, lest they jump.
 */
export async function readFollowed(
  picture: Picture, matrices: readonly Matrix[], run: RunGraph, facts: FinderFacts, check: boolean,
): Promise<Reading[]> {
  const readings = await read(picture, matrices, run, facts, false);
  const rows = readings.flatMap(({ score }, k) => (check || score < facts.alone ? [k] : []));
  const both = await read(picture, rows.map((row) => matrices[row]!), run, facts, true);
  rows.forEach((row, k) => {
    const { points, score } = readings[row]!;
    readings[row] = { points: score < facts.alone ? both[k]!.points : points, score: both[k]!.score };
  });
  return readings;
}

async function readCrops(picture: Picture, matrices: readonly Matrix[], run: RunGraph, facts: FinderFacts, twice: boolean) {
  const size = facts.crop_size, bytes = size * size * 3, count = matrices.length;
  const pixels = new Uint8Array(bytes * count * (twice ? 2 : 1));
  matrices.forEach((matrix, k) => warp(picture, matrix, size, facts.border, pixels, k * bytes));
  if (twice) mirror(pixels, bytes * count, size);
  const found = await run(pixels, [pixels.length / bytes, size, size, 3]);
  return { points: found.points!, scores: found.scores! };
}

/** Fills the second half of `pixels` with the crops of the first half, left and right exchanged. */
function mirror(pixels: Uint8Array, half: number, size: number): void {
  const stride = size * 3;
  for (let row = 0; row < half; row += stride) {
    for (let x = 0; x < size; x++) {
      const from = row + x * 3, to = half + row + (size - 1 - x) * 3;
      pixels[to] = pixels[from]!;
      pixels[to + 1] = pixels[from + 1]!;
      pixels[to + 2] = pixels[from + 2]!;
    }
  }
}

type Found = { points: Float32Array; scores: Float32Array };

function alone(found: Found, k: number, matrix: Matrix): Reading {
  return { points: inPicture(matrix, found.points.subarray(136 * k, 136 * k + 136)), score: found.scores[k]! };
}

function together(found: Found, k: number, count: number, matrix: Matrix, facts: FinderFacts): Reading {
  const first = found.points.subarray(136 * k, 136 * k + 136);
  const other = found.points.subarray(136 * (count + k), 136 * (count + k) + 136);
  const mean = new Float64Array(136);
  let apart = 0;
  for (let row = 0; row < 68; row++) {
    const twin = facts.mirror_68[row]!;
    const x = facts.crop_size - 1 - other[2 * twin]!, y = other[2 * twin + 1]!;
    if (row >= 17) apart += Math.hypot(first[2 * row]! - x, first[2 * row + 1]! - y);
    mean[2 * row] = (first[2 * row]! + x) / 2;
    mean[2 * row + 1] = (first[2 * row + 1]! + y) / 2;
  }
  apart /= 51 * (facts.crop_size / facts.crop_scale);
  const [low, high] = facts.mirrored;
  const agreement = clip((high - apart) / (high - low), 0, 1);
  return { points: inPicture(matrix, mean), score: Math.min(found.scores[k]!, found.scores[count + k]!) * agreement };
}

function inPicture(matrix: Matrix, points: ArrayLike<number>): Points {
  return moved(invert(matrix), points).map(Math.fround);
}

/** An upright window around a box. */
export function cropFromBox(box: Box, facts: FinderFacts): Matrix {
  return crop(0, ...boxCenter(box), Math.max(boxSize(box), 1), facts);
}

/** A window around a face, turned so that the line between the eyes is level. */
export function cropFromLandmarks(points: Points, facts: FinderFacts): Matrix {
  const [lx, ly] = mean(points, 42, 48), [rx, ry] = mean(points, 36, 42);
  const angle = -Math.atan2(ly - ry, lx - rx);
  const cosine = Math.cos(angle), sine = Math.sin(angle);
  let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
  for (let k = 0; k < points.length; k += 2) {
    const x = cosine * points[k]! - sine * points[k + 1]!, y = sine * points[k]! + cosine * points[k + 1]!;
    x0 = Math.min(x0, x); x1 = Math.max(x1, x); y0 = Math.min(y0, y); y1 = Math.max(y1, y);
  }
  const mx = (x0 + x1) / 2, my = (y0 + y1) / 2;
  return crop(angle, cosine * mx + sine * my, cosine * my - sine * mx, Math.max(x1 - x0, y1 - y0, 1), facts);
}

function crop(angle: number, x: number, y: number, size: number, facts: FinderFacts): Matrix {
  const scale = facts.crop_size / (facts.crop_scale * size), middle = (facts.crop_size - 1) / 2;
  const c = Math.cos(angle) * scale, s = Math.sin(angle) * scale;
  return [c, -s, middle - (c * x - s * y), s, c, middle - (s * x + c * y)];
}

function mean(points: Points, from: number, to: number): [number, number] {
  let x = 0, y = 0;
  for (let row = from; row < to; row++) {
    x += points[2 * row]!;
    y += points[2 * row + 1]!;
  }
  return [x / (to - from), y / (to - from)];
}
