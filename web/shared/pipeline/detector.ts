// Candidate boxes: the detector network at several sizes of the picture. As `aufait.faces.builtin.BoxDetector`.
import type { FinderFacts } from "./facts";
import type { RunGraph } from "./networks";
import { roundHalfEven, type Box, type Picture } from "./picture";
import { keepBest, ranked, wholeFaces } from "./boxes";
import { shrunk } from "./shrink";

const MOST_BOXES = 500;

/** The sides, in pixels, at which a picture is searched: not much larger than it is, and none twice. */
export function usableSides(width: number, height: number, sides: readonly number[]): number[] {
  const longer = Math.max(width, height);
  const wanted = sides.filter((side) => side <= 2 * longer);
  const usable = wanted.length ? wanted : [Math.min(...sides)];
  return usable.filter((_, k) => k === 0 || usable[k - 1]! < 1.1 * longer);
}

export async function detectBoxes(picture: Picture, sides: readonly number[], run: RunGraph, facts: FinderFacts): Promise<Box[]> {
  const boxes: Box[] = [], scores: number[] = [];
  for (const side of usableSides(picture.width, picture.height, sides)) {
    await searchLevel(picture, side, run, facts, boxes, scores);
  }
  const best = ranked(scores).slice(0, MOST_BOXES);
  const sorted = best.map((row) => boxes[row]!);
  const distinct = keepBest(sorted, best.map((row) => scores[row]!), facts.same_box).map((row) => sorted[row]!);
  return wholeFaces(distinct, facts.part_of).slice(0, facts.max_candidates).map((row) => distinct[row]!);
}

/** Adds what one level of the pyramid finds, in pixels of the picture. */
async function searchLevel(
  picture: Picture, side: number, run: RunGraph, facts: FinderFacts, boxes: Box[], scores: number[],
): Promise<void> {
  const factor = side / Math.max(picture.width, picture.height);
  const width = Math.max(roundHalfEven(picture.width * factor), 1), height = Math.max(roundHalfEven(picture.height * factor), 1);
  const fullWidth = Math.ceil(width / 32) * 32, fullHeight = Math.ceil(height / 32) * 32;
  const pixels = shrunk(picture, width, height, fullWidth, fullHeight, facts.border);
  const found = await run(pixels, [1, fullHeight, fullWidth, 3]);
  const wide = picture.width / width, high = picture.height / height;
  const edges = found.boxes!;
  found.scores!.forEach((score, k) => {
    if (score < facts.box_score) return;
    const [x0, y0, x1, y1] = edges.subarray(4 * k, 4 * k + 4);
    boxes.push([(x0! + 0.5) * wide - 0.5, (y0! + 0.5) * high - 0.5, (x1! + 0.5) * wide - 0.5, (y1! + 0.5) * high - 0.5]);
    scores.push(score);
  });
}
