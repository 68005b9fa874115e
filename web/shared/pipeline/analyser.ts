// From a picture to scores: find or follow the faces, crop them, run the model and the face check.
import type { Facts } from "./facts";
import { Finder, type Face } from "./finder";
import type { Graphs } from "./networks";
import type { Matrix, Picture } from "./picture";
import { quality, type Checks } from "./quality";
import { chosen, scaled, similarityFromPoints } from "./transforms";
import { warp } from "./warp";

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

export class Analyser {
  readonly finder: Finder;
  private readonly target: Float64Array;
  private readonly checkTarget: Float64Array;

  constructor(private readonly graphs: Graphs, private readonly facts: Facts) {
    this.finder = new Finder(graphs, facts);
    const margin = (facts.template.size - facts.model.crop_size) / 2;
    this.checkTarget = Float64Array.from(facts.template.points.flat());
    this.target = this.checkTarget.map((value) => value - margin);
  }

  async picture(picture: Picture): Promise<ScoredFace[]> {
    return this.scored(picture, await this.finder.find(picture));
  }

  async frame(picture: Picture, time: number): Promise<ScoredFace[]> {
    return this.scored(picture, await this.finder.track(picture, time));
  }

  private async scored(picture: Picture, faces: readonly Face[]): Promise<ScoredFace[]> {
    const scored: ScoredFace[] = [];
    for (const face of faces) scored.push(await this.scoredFace(picture, face));
    return scored;
  }

  private async scoredFace(picture: Picture, face: Face): Promise<ScoredFace> {
    const points = chosen(face.points, this.facts.template.rows);
    const { crop_size, border } = this.facts.model;
    const pixels = new Uint8Array(crop_size * crop_size * 3);
    warp(picture, similarityFromPoints(points, this.target), crop_size, border, pixels);
    const scores = await this.graphs.action_units(pixels, [1, crop_size, crop_size, 3]);
    const trust = quality(picture, face, await this.checks(picture, points), this.facts.quality);
    const [probabilityLeft, probabilityRight] = sides(scores.side_probability!);
    const [intensityLeft, intensityRight] = sides(scores.side_intensity!);
    const { probability, intensity } = scores as { probability: Float32Array; intensity: Float32Array };
    return { ...face, quality: trust, probability, intensity, probabilityLeft, probabilityRight, intensityLeft, intensityRight };
  }

  private async checks(picture: Picture, points: Float64Array): Promise<Checks> {
    const { check_size, border } = this.facts.quality;
    const matrix: Matrix = scaled(similarityFromPoints(points, this.checkTarget), check_size / this.facts.template.size);
    const pixels = new Uint8Array(check_size * check_size * 3);
    warp(picture, matrix, check_size, border, pixels);
    const answers = await this.graphs.face_check(pixels, [1, check_size, check_size, 3]);
    return { fit: answers.fit![0]!, clarity: answers.clarity![0]!, leastVisible: answers.least_visible![0]! };
  }
}

/** (A, 2) -> left and right. */
function sides(values: Float32Array): [Float32Array, Float32Array] {
  return [values.filter((_, k) => k % 2 === 0), values.filter((_, k) => k % 2 === 1)];
}
