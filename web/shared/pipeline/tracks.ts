// Who is who from one frame to the next, by place, size and shape. Unlike `aufait.faces.tracking`, looks are not remembered: who
// comes back after more than a second, or after a cut, gets a new number.
import { boxCenter, boxSize, landmarkBox, overlap } from "./boxes";
import type { TrackerFacts } from "./facts";
import type { Face } from "./finder";
import { clip, type Points } from "./picture";

interface Track {
  face: Face;
  /** x and y in pixels per second, relative growth of the size per second. */
  velocity: [number, number, number];
  seen: number;
  hits: number;
  missed: number;
}

export class Tracks {
  private tracks: Track[] = [];
  private next = 0;
  private now = -Infinity;

  constructor(private readonly facts: TrackerFacts) {}

  /** Another video: numbers start at 0 again. */
  reset(): void {
    this.tracks = [];
    this.next = 0;
    this.now = -Infinity;
  }

  /** From here on places mean nothing; numbers go on. */
  forget(): void {
    this.tracks = [];
  }

  /** Where each living track should be at `time`. */
  predict(time: number): Face[] {
    this.expire(time);
    return this.tracks.map((track) => this.predicted(track, time));
  }

  /** The faces of a frame with their numbers. */
  update(faces: readonly Face[], time: number): Face[] {
    if (time < this.now) this.tracks = [];
    this.now = time;
    this.expire(time);
    const owners = this.assign(faces, time);
    for (const track of this.tracks) track.missed++;
    return faces.map((face, row) => {
      const track = owners.get(row);
      if (!track) return this.start(face, time);
      this.follow(track, face, time);
      return track.face;
    });
  }

  /** Row of a face -> its track: always the cheapest pair that is left. */
  private assign(faces: readonly Face[], time: number): Map<number, Track> {
    const pairs = this.tracks.flatMap((track) => {
      const expected = this.predicted(track, time);
      return faces.map((face, row) => ({ track, row, cost: this.cost(face, expected, time - track.seen) }));
    });
    const owners = new Map<number, Track>();
    const used = new Set<Track>();
    for (const { track, row, cost } of pairs.sort((a, b) => a.cost - b.cost)) {
      if (!Number.isFinite(cost) || used.has(track) || owners.has(row)) continue;
      used.add(track);
      owners.set(row, track);
    }
    return owners;
  }

  private cost(face: Face, expected: Face, absent: number): number {
    const size = boxSize(face.box), expectedSize = boxSize(expected.box);
    const [x, y] = boxCenter(face.box), [ex, ey] = boxCenter(expected.box);
    const distance = Math.hypot(x - ex, y - ey) / Math.max((size + expectedSize) / 2, 1);
    const growth = Math.abs(Math.log(Math.max(size, 1) / Math.max(expectedSize, 1)));
    const limit = this.facts.max_distance + this.facts.distance_growth * absent;
    if (distance > limit || growth > Math.log(this.facts.max_size_ratio)) return Infinity;
    const shared = overlap(face.box, expected.box);
    return (distance + 0.7 * (1 - shared) + 0.5 * growth + shapeDifference(face.points, expected.points)) / (1 + 3 * absent);
  }

  private start(face: Face, time: number): Face {
    const numbered = { ...face, id: this.next++ };
    this.tracks.push({ face: numbered, velocity: [0, 0, 0], seen: time, hits: 1, missed: 0 });
    return numbered;
  }

  private follow(track: Track, face: Face, time: number): void {
    const elapsed = time - track.seen;
    if (elapsed > 1e-6) {
      const [x, y] = mean(face.points), [bx, by] = mean(track.face.points);
      const grown = Math.log(Math.max(boxSize(face.box), 1) / Math.max(boxSize(track.face.box), 1));
      const share = track.hits === 1 ? 1 : this.facts.smoothing;
      [x - bx, y - by, grown].forEach((step, k) => (track.velocity[k]! += share * (step / elapsed - track.velocity[k]!)));
    }
    track.face = { ...face, id: track.face.id };
    track.seen = time;
    track.hits++;
    track.missed = 0;
  }

  private expire(time: number): void {
    this.tracks = this.tracks.filter((track) => {
      const patience = track.hits > 2 ? this.facts.max_lost : 0.4 * this.facts.max_lost;
      return track.missed === 0 || time - track.seen <= patience;
    });
  }

  private predicted(track: Track, time: number): Face {
    const elapsed = Math.max(time - track.seen, 0);
    const travel = (1 - Math.exp(-this.facts.damping * elapsed)) / this.facts.damping;
    const growth = Math.exp(clip(track.velocity[2] * travel, -0.3, 0.3));
    const [x, y] = mean(track.face.points);
    const points = track.face.points.map((value, k) => {
      const [center, speed] = k % 2 ? [y, track.velocity[1]] : [x, track.velocity[0]];
      return (value - center) * growth + center + speed * travel;
    });
    return { ...track.face, points, box: landmarkBox(points) };
  }
}

function mean(points: Points): [number, number] {
  let x = 0, y = 0;
  for (let k = 0; k < points.length; k += 2) {
    x += points[k]!;
    y += points[k + 1]!;
  }
  return [(2 * x) / points.length, (2 * y) / points.length];
}

/** Mean distance between two faces' points after centring and scaling, in face sizes. */
function shapeDifference(first: Points, second: Points): number {
  const [ax, ay] = mean(first), [bx, by] = mean(second);
  const a = Math.max(boxSize(landmarkBox(first)), 1e-6), b = Math.max(boxSize(landmarkBox(second)), 1e-6);
  let sum = 0;
  for (let k = 0; k < first.length; k += 2) {
    sum += Math.hypot((first[k]! - ax) / a - (second[k]! - bx) / b, (first[k + 1]! - ay) / a - (second[k + 1]! - by) / b);
  }
  return (2 * sum) / first.length;
}
