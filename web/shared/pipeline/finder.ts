// Faces of pictures and of the frames of a video. As `aufait.faces.builtin.BuiltinFinder` and `following.FollowingFinder`.
import { boxSize, keepBest, landmarkBox, overlap, overlapOfSmaller } from "./boxes";
import { CutDetector, unchanged } from "./cuts";
import { detectBoxes } from "./detector";
import type { Facts } from "./facts";
import { cropFromBox, cropFromLandmarks, read, readFollowed, type Reading } from "./landmarks";
import type { Graphs } from "./networks";
import { clip, type Box, type Picture, type Points } from "./picture";
import { fitHead, type Pose } from "./pose";
import { Tracks } from "./tracks";

export interface Face {
  /** Smallest upright box around the points. */
  box: Box;
  points: Points;
  confidence: number;
  pose: Pose;
  /** Stays with a person through a video; the rank by size in a picture. */
  id: number;
}

const EFFORTS = ["glance_sides", "look_sides", "search_sides"] as const;
type Effort = (typeof EFFORTS)[number];

export class Finder {
  private readonly tracks: Tracks;
  private readonly cuts: CutDetector;
  private size: [number, number] | null = null;
  private lastLook: number | null = null;
  private framesSinceLook = 0;
  private searched: Float32Array | null = null;
  private putOff = 0;
  private unchecked = 0;

  constructor(private readonly graphs: Pick<Graphs, "detector" | "landmarks">, private readonly facts: Facts) {
    this.tracks = new Tracks(facts.tracker);
    this.cuts = new CutDetector(facts.cuts);
  }

  /** The faces of a single picture, largest first. */
  async find(picture: Picture): Promise<Face[]> {
    const faces = this.distinct(await this.search(picture, "search_sides", []));
    faces.sort((a, b) => boxSize(b.box) - boxSize(a.box));
    return faces.map((face, id) => ({ ...face, id }));
  }

  /** The faces of the next frame of a video, in the order of their numbers; `time` in seconds. */
  async track(picture: Picture, time: number): Promise<Face[]> {
    this.prepare(picture);
    const expected = this.tracks.predict(time);
    let seen = expected.length ? this.distinct(await this.lookAgain(picture, expected)) : [];
    const effort = this.effort(time, seen, seen.length < Math.max(expected.length, 1));
    if (effort) seen = this.distinct(seen, await this.search(picture, effort, seen));
    return this.tracks.update(seen, time).sort((a, b) => a.id - b.id);
  }

  /** Start of another video. */
  reset(): void {
    this.tracks.reset();
    this.cuts.reset();
    this.size = null;
    this.lastLook = null;
    this.framesSinceLook = 0;
    this.searched = null;
    this.unchecked = 0;
  }

  private prepare(picture: Picture): void {
    const before = this.size;
    this.size = [picture.width, picture.height];
    if (this.cuts.cutBefore(picture)) {
      this.tracks.forget();
      this.lastLook = this.searched = null;
    }
    if (before && (before[0] !== picture.width || before[1] !== picture.height)) {
      this.searched = null;
      this.tracks.forget();
    }
  }

  /** How hard to search this frame; null to leave it at the faces that are followed. */
  private effort(time: number, faces: readonly Face[], missing: boolean): Effort | null {
    const settings = this.facts.following;
    this.framesSinceLook++;
    const since = this.lastLook === null ? Infinity : time - this.lastLook;
    const stale = since >= settings.search_interval || this.framesSinceLook >= settings.search_frames || since < 0;
    if (stale || (missing && since >= settings.lost_interval)) {
      this.lastLook = time;
      this.framesSinceLook = 0;
      if (!missing && this.putOff < settings.put_off && this.still(faces)) {
        this.putOff++;
        return null;
      }
      this.searched = this.cuts.picture;
      this.putOff = 0;
      return "look_sides";
    }
    return missing ? "glance_sides" : null;
  }

  /** Whether nothing has changed since the last search but near these faces. */
  private still(faces: readonly Face[]): boolean {
    if (!this.searched || !this.cuts.picture || !this.size) return false;
    const { near, still } = this.facts.following;
    const grown = faces.map(({ box }): Box => {
      const margin = near * boxSize(box);
      return [box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin];
    });
    return unchanged(this.searched, this.cuts.picture, still, grown, ...this.size);
  }

  private async search(picture: Picture, effort: Effort, known: readonly Face[]): Promise<Face[]> {
    const settings = this.facts.finder;
    let boxes = await detectBoxes(picture, settings[effort], this.graphs.detector, settings);
    boxes = boxes.filter((box) => boxSize(box) >= settings.smallest_face && !this.taken(box, known));
    const windows = boxes.map((box) => cropFromBox(box, settings));
    const first = (await read(picture, windows, this.graphs.landmarks, settings, false)).filter((reading, k) => {
      const near = overlap(landmarkBox(reading.points), boxes[k]!) >= settings.same_face;
      return near && reading.score >= settings.first_reading;
    });
    const closer = first.map((reading) => cropFromLandmarks(reading.points, settings));
    const again = await read(picture, closer, this.graphs.landmarks, settings, true);
    const both = again.map((reading, k) => ({ ...reading, score: Math.min(reading.score, first[k]!.score) }));
    const least = Math.max(Math.min(settings.new_face * settings.min_confidence, settings.new_face_limit), settings.min_confidence);
    const faces = this.faces(picture, both, first.map((reading) => reading.points), settings.agreement);
    return faces.filter((face) => face.confidence >= least);
  }

  private async lookAgain(picture: Picture, expected: readonly Face[]): Promise<Face[]> {
    const settings = this.facts.finder;
    const before = expected.map((face) => face.points);
    const windows = before.map((points) => cropFromLandmarks(points, settings));
    this.unchecked = (this.unchecked + 1) % settings.check_frames;
    const readings = await readFollowed(picture, windows, this.graphs.landmarks, settings, this.unchecked === 0);
    return this.faces(picture, readings, before, settings.same_face);
  }

  /** Faces from points that overlap those of an earlier reading enough; less certain where they fit no head. */
  private faces(picture: Picture, readings: readonly Reading[], before: readonly Points[], least: number): Face[] {
    const [low, high] = this.facts.finder.misfit;
    return readings.flatMap(({ points, score }, k) => {
      const box = landmarkBox(points);
      if (!(overlap(box, landmarkBox(before[k]!)) >= least)) return [];
      const fit = fitHead(points, picture.width, picture.height, this.facts.head);
      const confidence = score * (1 - clip((fit.error - low) / (high - low), 0, 1));
      return [{ box, points, confidence, pose: fit.pose, id: -1 }];
    });
  }

  /** Each person once, if certain enough. A known face wins over one found at the same place. */
  private distinct(known: readonly Face[], found: readonly Face[] = []): Face[] {
    const sure = (face: Face) => face.confidence >= this.facts.finder.min_confidence;
    const faces = [...known.filter(sure).map((face) => ({ face, more: 1 })), ...found.filter(sure).map((face) => ({ face, more: 0 }))];
    const { max_overlap, nested } = this.facts.following;
    const rank = faces.map(({ face, more }) => face.confidence + more);
    return keepBest(faces.map(({ face }) => face.box), rank, max_overlap, nested).map((row) => faces[row]!.face);
  }

  /** Whether a face is known already where a box is. */
  private taken(box: Box, known: readonly Face[]): boolean {
    const { max_overlap, nested } = this.facts.following;
    return known.some((face) => overlap(box, face.box) > max_overlap || overlapOfSmaller(box, face.box) > nested);
  }
}
