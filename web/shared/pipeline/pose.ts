// Where a head is and how it is turned, from its 68 points: a generic head fitted by damped Gauss-Newton. As `aufait.faces.pose`.
import { clip, type Points } from "./picture";
import { cross, median, nearestRotation, product3, solve } from "./linear";

export interface HeadFacts {
  /** 68 points of a generic head in millimetres. */
  points: number[][];
  /** How much each of them is trusted. */
  weights: number[];
  iterations: number;
  /** Floor of the residuals' scale, as a share of the face's size. */
  least_scale: number;
  /** Weight from which a point is trusted when the scale is chosen. */
  trusted: number;
}

/** Translation in millimetres from the camera, rotation as pitch, yaw, roll in radians. */
export interface Pose {
  translation: [number, number, number];
  rotation: [number, number, number];
}

interface Camera {
  focal: number;
  x: number;
  y: number;
}

/** The camera that OpenFace assumes for a picture of unknown origin. */
export function guessedCamera(width: number, height: number): Camera {
  return { focal: ((500 * width) / 640 + (500 * height) / 480) / 2, x: width / 2, y: height / 2 };
}

/** A fitted head: its rotation (9 numbers), its translation, and how badly the inner points fit, as a share of the face's size. */
export interface Fit {
  rotation: Float64Array;
  translation: Float64Array;
  pose: Pose;
  error: number;
}

export function fitHead(points: Points, width: number, height: number, facts: HeadFacts): Fit {
  const camera = guessedCamera(width, height);
  const observed = points.map((value, k) => (value - (k % 2 ? camera.y : camera.x)) / camera.focal);
  const model = Float64Array.from(facts.points.flat());
  const spread = (deviation(observed, 0) + deviation(observed, 1)) / 2;
  if (!Number.isFinite(spread) || spread <= 1e-9) return unusable();
  const { rotation, translation } = refined(model, facts, observed, spread);
  const pose: Pose = { translation: [translation[0]!, translation[1]!, translation[2]!], rotation: euler(rotation) };
  return { rotation, translation, pose, error: fitError(points, model, rotation, translation, camera) };
}

function unusable(): Fit {
  const missing = { translation: [NaN, NaN, NaN], rotation: [NaN, NaN, NaN] } as Pose;
  return { rotation: new Float64Array(9).fill(NaN), translation: new Float64Array(3).fill(NaN), pose: missing, error: Infinity };
}

function deviation(points: Float64Array, axis: number): number {
  const count = points.length / 2;
  let sum = 0;
  for (let k = axis; k < points.length; k += 2) sum += points[k]!;
  const mean = sum / count;
  let squares = 0;
  for (let k = axis; k < points.length; k += 2) squares += (points[k]! - mean) ** 2;
  return Math.sqrt(squares / count);
}

function refined(model: Float64Array, facts: HeadFacts, observed: Float64Array, spread: number) {
  let { rotation, translation } = weakPerspective(model, facts.weights, observed);
  const count = model.length / 3;
  const placed = new Float64Array(model.length);
  for (let round = 0; round < facts.iterations; round++) {
    turn(placed, model, rotation);
    const residual = new Float64Array(2 * count);
    for (let k = 0; k < count; k++) {
      const inverse = 1 / Math.max(placed[3 * k + 2]! + translation[2]!, 1);
      residual[2 * k] = observed[2 * k]! - (placed[3 * k]! + translation[0]!) * inverse;
      residual[2 * k + 1] = observed[2 * k + 1]! - (placed[3 * k + 1]! + translation[1]!) * inverse;
    }
    const weights = robustWeights(residual, facts, spread);
    const step = gaussNewtonStep(placed, translation, residual, observed, weights);
    const angle = [clip(step[0]!, -0.5, 0.5), clip(step[1]!, -0.5, 0.5), clip(step[2]!, -0.5, 0.5)];
    rotation = product3(exponential(angle), rotation);
    translation = Float64Array.of(translation[0]! + step[3]!, translation[1]! + step[4]!, Math.max(translation[2]! + step[5]!, 50));
    if (Math.max(Math.abs(step[0]!), Math.abs(step[1]!), Math.abs(step[2]!)) < 2e-4) break;
  }
  return { rotation, translation };
}

function turn(out: Float64Array, model: Float64Array, r: Float64Array): void {
  for (let k = 0; k < model.length; k += 3) {
    const x = model[k]!, y = model[k + 1]!, z = model[k + 2]!;
    out[k] = r[0]! * x + r[1]! * y + r[2]! * z;
    out[k + 1] = r[3]! * x + r[4]! * y + r[5]! * z;
    out[k + 2] = r[6]! * x + r[7]! * y + r[8]! * z;
  }
}

/** Starting point: the scaled orthographic fit. */
function weakPerspective(model: Float64Array, weights: number[], observed: Float64Array) {
  const normal = new Float64Array(16), right = new Float64Array(8);
  for (let k = 0; k < weights.length; k++) {
    const row = [model[3 * k]!, model[3 * k + 1]!, model[3 * k + 2]!, 1];
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 4; j++) normal[4 * i + j]! += weights[k]! * row[i]! * row[j]!;
      right[2 * i]! += weights[k]! * row[i]! * observed[2 * k]!;
      right[2 * i + 1]! += weights[k]! * row[i]! * observed[2 * k + 1]!;
    }
  }
  solve(normal, right, 2);
  const first = [right[0]!, right[2]!, right[4]!], second = [right[1]!, right[3]!, right[5]!];
  const scale = Math.max((Math.hypot(...first) + Math.hypot(...second)) / 2, 1e-9);
  const rows = [...first, ...second].map((value) => value / scale);
  const rotation = nearestRotation([...rows, ...cross(rows.slice(0, 3), rows.slice(3))]);
  return { rotation, translation: Float64Array.of(right[6]! / scale, right[7]! / scale, 1 / scale) };
}

function robustWeights(residual: Float64Array, facts: HeadFacts, spread: number): Float64Array {
  const squared = Float64Array.from(facts.weights, (_, k) => residual[2 * k]! ** 2 + residual[2 * k + 1]! ** 2);
  const trusted = squared.filter((_, k) => facts.weights[k]! >= facts.trusted).sort();
  const scale = Math.max(trusted[trusted.length >> 1]! * 4, (facts.least_scale * spread) ** 2);
  return squared.map((value, k) => facts.weights[k]! / (1 + value / scale));
}

function gaussNewtonStep(
  turned: Float64Array, translation: Float64Array, residual: Float64Array, observed: Float64Array, weights: Float64Array,
): Float64Array {
  const normal = new Float64Array(36), gradient = new Float64Array(6);
  for (let k = 0; k < weights.length; k++) {
    const x = turned[3 * k]!, y = turned[3 * k + 1]!, z = turned[3 * k + 2]!;
    const inverse = 1 / Math.max(z + translation[2]!, 1);
    const u = observed[2 * k]! - residual[2 * k]!, v = observed[2 * k + 1]! - residual[2 * k + 1]!;
    const across = [-u * y * inverse, (z + u * x) * inverse, -y * inverse, inverse, 0, -u * inverse];
    const down = [(-z - v * y) * inverse, v * x * inverse, x * inverse, 0, inverse, -v * inverse];
    for (let i = 0; i < 6; i++) {
      const a = weights[k]! * across[i]!, d = weights[k]! * down[i]!;
      gradient[i]! += a * residual[2 * k]! + d * residual[2 * k + 1]!;
      for (let j = 0; j < 6; j++) normal[6 * i + j]! += a * across[j]! + d * down[j]!;
    }
  }
  for (let i = 0; i < 6; i++) normal[7 * i]! *= 1 + 1e-6;
  solve(normal, gradient);
  return gradient;
}

/** Rotation matrix of a rotation vector (Rodrigues' formula). */
function exponential([x, y, z]: number[]): Float64Array {
  const angle = Math.hypot(x!, y!, z!), safe = Math.max(angle, 1e-12);
  const c = Float64Array.of(0, -z! / safe, y! / safe, z! / safe, 0, -x! / safe, -y! / safe, x! / safe, 0);
  const square = product3(c, c), sine = Math.sin(angle), rest = 1 - Math.cos(angle);
  return c.map((value, k) => (k % 4 ? 0 : 1) + sine * value + rest * square[k]!);
}

function euler(r: Float64Array): [number, number, number] {
  return [Math.atan2(-r[5]!, r[8]!), Math.asin(clip(r[2]!, -1, 1)), Math.atan2(-r[1]!, r[0]!)];
}

/** Median distance of the 51 inner points from those of the fitted head, as a share of the face's size. */
function fitError(points: Points, model: Float64Array, rotation: Float64Array, translation: Float64Array, camera: Camera): number {
  const placed = new Float64Array(model.length);
  turn(placed, model, rotation);
  const distances: number[] = [];
  let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity;
  for (let k = 0; k < points.length / 2; k++) {
    const x = points[2 * k]!, y = points[2 * k + 1]!;
    x0 = Math.min(x0, x); x1 = Math.max(x1, x); y0 = Math.min(y0, y); y1 = Math.max(y1, y);
    if (k < 17) continue;
    const depth = placed[3 * k + 2]! + translation[2]!;
    const px = ((placed[3 * k]! + translation[0]!) / depth) * camera.focal + camera.x;
    const py = ((placed[3 * k + 1]! + translation[1]!) / depth) * camera.focal + camera.y;
    distances.push(Math.hypot(px - x, py - y));
  }
  const error = median(distances) / Math.max(x1 - x0, y1 - y0, 1e-6);
  return Number.isFinite(error) ? error : Infinity;
}
