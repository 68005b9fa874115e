// What is kept of a face when its picture is gone: two small crops, and all of its quality that the pixels say.
import type { Facts } from "./facts";
import type { Face } from "./finder";
import type { Picture } from "./picture";
import { pictureQuality } from "./quality";
import { chosen, scaled, similarityFromPoints } from "./transforms";
import { warp } from "./warp";

export interface PreparedFaces {
  faces: Face[];
  /** RGB bytes, one crop after another, of the model and of the face check. */
  crops: Uint8Array<ArrayBuffer>;
  checkCrops: Uint8Array<ArrayBuffer>;
  /** Of each face, the product of the factors of its quality without those of the face check. */
  trust: number[];
}

export function prepare(picture: Picture, faces: Face[], facts: Facts): PreparedFaces {
  const { crop_size: size, border } = facts.model, { check_size: checkSize } = facts.quality;
  const crops = new Uint8Array(faces.length * size * size * 3);
  const checkCrops = new Uint8Array(faces.length * checkSize * checkSize * 3);
  const checkTarget = Float64Array.from(facts.template.points.flat());
  const target = checkTarget.map((value) => value - (facts.template.size - size) / 2);
  faces.forEach((face, k) => {
    const points = chosen(face.points, facts.template.rows);
    warp(picture, similarityFromPoints(points, target), size, border, crops, k * size * size * 3);
    const matrix = scaled(similarityFromPoints(points, checkTarget), checkSize / facts.template.size);
    warp(picture, matrix, checkSize, facts.quality.border, checkCrops, k * checkSize * checkSize * 3);
  });
  return { faces, crops, checkCrops, trust: faces.map((face) => pictureQuality(picture, face, facts.quality)) };
}
