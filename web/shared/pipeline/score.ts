// From the crops of faces to scores and quality: the model and the face check.
import type { Facts } from "./facts";
import type { Face } from "./finder";
import type { Graphs } from "./networks";
import type { PreparedFaces } from "./prepare";
import { checkQuality } from "./quality";

/** A face with everything that is said about it; scores in the order of `Facts.units`, left and right are the subject's. */
export interface ScoredFace extends Face {
  quality: number;
  probability: Float32Array;
  intensity: Float32Array;
  probabilityLeft: Float32Array;
  probabilityRight: Float32Array;
  intensityLeft: Float32Array;
  intensityRight: Float32Array;
}

export async function score(
  { faces, crops, checkCrops, trust }: PreparedFaces, graphs: Pick<Graphs, "action_units" | "face_check">, facts: Facts,
): Promise<ScoredFace[]> {
  if (!faces.length) return [];
  const { crop_size } = facts.model, { check_size } = facts.quality;
  const scores = await graphs.action_units(crops, [faces.length, crop_size, crop_size, 3]);
  const checks = await graphs.face_check(checkCrops, [faces.length, check_size, check_size, 3]);
  const units = facts.units.length;
  return faces.map((face, k) => {
    const both = scores.side_probability!.subarray(2 * k * units, 2 * (k + 1) * units);
    const strength = scores.side_intensity!.subarray(2 * k * units, 2 * (k + 1) * units);
    const seen = { fit: checks.fit![k]!, clarity: checks.clarity![k]!, leastVisible: checks.least_visible![k]! };
    return {
      ...face,
      quality: trust[k]! * checkQuality(seen, facts.quality),
      probability: scores.probability!.slice(k * units, (k + 1) * units),
      intensity: scores.intensity!.slice(k * units, (k + 1) * units),
      probabilityLeft: side(both, 0),
      probabilityRight: side(both, 1),
      intensityLeft: side(strength, 0),
      intensityRight: side(strength, 1),
    };
  });
}

/** (A, 2) -> one side. */
function side(values: Float32Array, which: 0 | 1): Float32Array {
  return values.filter((_, k) => k % 2 === which);
}
