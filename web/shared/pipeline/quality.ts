// How much a face can be trusted, as one number between 0 and 1. As `aufait.detection.quality`.
import type { QualityFacts, Ramp } from "./facts";
import type { Face } from "./finder";
import { clip, type Box, type Picture } from "./picture";

/** What the face check says of a face. */
export interface Checks {
  fit: number;
  clarity: number;
  leastVisible: number;
}

/** The factors that the picture and the landmarks say, multiplied. */
export function pictureQuality(picture: Picture, face: Face, facts: QualityFacts): number {
  const { ramps } = facts;
  const width = Math.max(face.box[2] - face.box[0], 0), height = Math.max(face.box[3] - face.box[1], 0);
  return (
    ramp(face.confidence, [0, 1]) * ramp(Math.sqrt(width * height), ramps.size) * poseFactor(face, facts) *
    exposure(faceLuma(picture, face.box, facts.analysis_size), facts) * ramp(shareInside(face, picture), ramps.inside)
  );
}

/** The factors that the face check says, multiplied. */
export function checkQuality({ fit, clarity, leastVisible }: Checks, { ramps }: QualityFacts): number {
  return ramp(fit, ramps.fit) * ramp(leastVisible, ramps.visible) * ramp(clarity, ramps.clarity);
}

export function ramp(value: number, [zero, one]: Ramp): number {
  const position = (value - zero) / (one - zero);
  return Number.isNaN(position) ? 0 : clip(position, 0, 1);
}

function poseFactor(face: Face, facts: QualityFacts): number {
  const [pitch, yaw] = face.pose.rotation.map((angle) => (Math.abs(angle) * 180) / Math.PI);
  const turned = Math.max(yaw!, facts.pitch_weight * pitch!);
  return ramp(turned, facts.ramps.pose);
}

interface Luma {
  width: number;
  height: number;
  values: Float32Array;
}

/** Green of the face box inside the picture, averaged over blocks to about `wanted` pixels. */
export function faceLuma(picture: Picture, box: Box, wanted: number): Luma {
  const left = Math.trunc(clip(box[0], 0, picture.width)), top = Math.trunc(clip(box[1], 0, picture.height));
  const right = clip(Math.ceil(box[2]), 0, picture.width), bottom = clip(Math.ceil(box[3]), 0, picture.height);
  const step = Math.max(1, Math.round(Math.min(bottom - top, right - left) / wanted));
  const width = Math.max(Math.floor((right - left) / step), 0), height = Math.max(Math.floor((bottom - top) / step), 0);
  const values = new Float32Array(width * height);
  for (let y = 0; y < height * step; y++) {
    const row = Math.floor(y / step) * width;
    let from = ((top + y) * picture.width + left) * 4 + 1;
    for (let x = 0; x < width * step; x++, from += 4) values[row + Math.floor(x / step)]! += picture.data[from]!;
  }
  return { width, height, values: values.map((value) => value / (step * step)) };
}

function exposure({ width, height, values }: Luma, facts: QualityFacts): number {
  if (Math.min(width, height) < 3) return 0;
  let clipped = 0, sum = 0;
  for (const value of values) {
    if (value <= facts.black || value >= facts.burnt) clipped++;
    sum += value;
  }
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return ramp(clipped / values.length, facts.ramps.clipped) * ramp(Math.sqrt(squares / values.length), facts.ramps.contrast);
}

function shareInside(face: Face, { width, height }: Picture): number {
  let inside = 0;
  for (let k = 0; k < face.points.length; k += 2) {
    const x = face.points[k]!, y = face.points[k + 1]!;
    if (x >= 0 && y >= 0 && x <= width - 1 && y <= height - 1) inside++;
  }
  return (2 * inside) / face.points.length;
}
