// What needs no numbers from Python.
import { describe, expect, test } from "vitest";
import { readTrack } from "../../browser/src/media/mp4";
import { facesOf, momentAt, quoted, type Moment } from "../../browser/src/records";
import { usableSides } from "../../shared/pipeline/detector";
import type { Face } from "../../shared/pipeline/finder";
import { nearestRotation, product3, solve } from "../../shared/pipeline/linear";
import { roundHalfEven } from "../../shared/pipeline/picture";
import { taps } from "../../shared/pipeline/shrink";
import { Tracks } from "../../shared/pipeline/tracks";
import { invert, moved } from "../../shared/pipeline/transforms";

const TRACKER = { max_lost: 1, max_distance: 1.2, distance_growth: 1.5, max_size_ratio: 2, smoothing: 0.5, damping: 2 };

function face(x: number, y: number, size = 50): Face {
  const points = Float64Array.from({ length: 136 }, (_, k) => (k % 2 ? y + ((k * 7) % 68) * (size / 68) : x + (k / 136) * size));
  return { box: [x, y, x + size, y + size], points, confidence: 1, pose: { translation: [0, 0, 0], rotation: [0, 0, 0] }, id: -1 };
}

describe("numbers of people", () => {
  test("two who walk past each other keep theirs", () => {
    const tracks = new Tracks(TRACKER);
    for (let step = 0; step < 20; step++) {
      const faces = [face(10 + 8 * step, 20), face(300 - 8 * step, 120)];
      const found = tracks.update(step % 2 ? faces : faces.reverse(), step / 25).sort((a, b) => a.id - b.id);
      expect(found.map((one) => one.id)).toEqual([0, 1]);
      expect(Math.min(...found.map((one) => one.box[1]))).toBe(20);
    }
  });

  test("who is back within a second is the same, later another", () => {
    const tracks = new Tracks(TRACKER);
    for (let step = 0; step < 5; step++) tracks.update([face(10, 10)], step / 25);
    for (let step = 5; step < 15; step++) expect(tracks.update([], step / 25)).toEqual([]);
    expect(tracks.update([face(12, 10)], 0.6)[0]!.id).toBe(0);
    for (let step = 20; step < 60; step++) {
      tracks.predict(step / 25);
      tracks.update([], step / 25);
    }
    expect(tracks.update([face(12, 10)], 3)[0]!.id).toBe(1);
  });

  test("a face far away or of another size is another", () => {
    const tracks = new Tracks(TRACKER);
    tracks.update([face(10, 10)], 0);
    expect(tracks.update([face(400, 10), face(10, 10, 160)], 0.04).map((one) => one.id)).toEqual([1, 2]);
  });

  test("numbers go on after a cut and begin anew with another video", () => {
    const tracks = new Tracks(TRACKER);
    tracks.update([face(10, 10)], 0);
    tracks.forget();
    expect(tracks.update([face(10, 10)], 0.04)[0]!.id).toBe(1);
    tracks.reset();
    expect(tracks.update([face(10, 10)], 0)[0]!.id).toBe(0);
  });
});

describe("arithmetic", () => {
  test("rounding is Python's", () => {
    expect([0.5, 1.5, 2.5, 2.4999, -1.5].map(roundHalfEven)).toEqual([0, 2, 2, 2, -2]);
  });

  test("a system of equations is solved for two right sides", () => {
    const matrix = Float64Array.of(0, 2, 1, 1, 1, 0, 3, 0, 1), right = Float64Array.of(7, 1, 3, 0, 6, 2);
    solve(matrix, right, 2);
    const [x, y, z] = [right[0]!, right[2]!, right[4]!];
    expect(2 * y + z).toBeCloseTo(7, 10);
    expect(x + y).toBeCloseTo(3, 10);
    expect(3 * x + z).toBeCloseTo(6, 10);
  });

  test("the nearest rotation of a rotation that was stretched is itself", () => {
    const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
    const turn = Float64Array.of(c, -s, 0, s, c, 0, 0, 0, 1);
    const found = nearestRotation(product3(turn, [2, 0, 0, 0, 0.5, 0, 0, 0, 1.3]));
    found.forEach((value, k) => expect(value).toBeCloseTo(turn[k]!, 10));
  });

  test("a transform and its inverse cancel out", () => {
    const matrix = [0.8, -0.3, 12, 0.3, 0.8, -7] as const;
    const points = Float64Array.of(3, 4, -10, 200);
    moved(invert(matrix), moved(matrix, points)).forEach((value, k) => expect(value).toBeCloseTo(points[k]!, 9));
  });

  test("weights of a shrunk picture add up to one and stay inside", () => {
    for (const [from, to] of [[960, 320], [7, 5], [5, 9], [1, 4], [333, 1]] as const) {
      const { starts, counts, weights, most } = taps(from, to);
      for (let k = 0; k < to; k++) {
        expect(counts[k]).toBeLessThanOrEqual(most);
        expect(starts[k]! + counts[k]!).toBeLessThanOrEqual(from);
        let sum = 0;
        for (let j = 0; j < counts[k]!; j++) sum += weights[k * most + j]!;
        expect(sum).toBeCloseTo(1, 5);
      }
    }
  });

  test("a picture is searched at no more sizes than it has", () => {
    expect(usableSides(960, 480, [160, 320, 640, 1280])).toEqual([160, 320, 640, 1280]);
    expect(usableSides(100, 60, [160, 320, 640])).toEqual([160]);
    expect(usableSides(30, 20, [160, 320])).toEqual([160]);
  });
});

describe("tables", () => {
  test("names cannot be taken for formulas", () => {
    expect(["a.mp4", "=a.mp4", " +1", "a,b", 'say "hi"'].map(quoted)).toEqual(["a.mp4", "./=a.mp4", "./ +1", '"a,b"', '"say ""hi"""']);
  });

  test("the moment that is shown at a time is the last one before it", () => {
    const moments = [0, 0.1, 0.2].map((time, k) => ({ frame: k + 1, time, faces: [] }) as Moment);
    expect(momentAt(moments, 0.15)?.frame).toBe(2);
    expect(momentAt(moments, 0.2)?.frame).toBe(3);
    expect(momentAt(moments, -1)).toBeNull();
    expect(momentAt([], 1)).toBeNull();
  });

  test("faces are listed once, in order", () => {
    const moments = [[3, 1], [1], [0]].map((ids, k) => ({ frame: k, time: k, faces: ids.map((id) => ({ id })) }) as unknown as Moment);
    expect(facesOf(moments)).toEqual([0, 1, 3]);
  });
});

describe("files that are no MP4", () => {
  test("are told from one without an error, whatever is in them", async () => {
    let seed = 7;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    const kinds = ["", "not a video", "\x00\x00\x00\x08moov", "\x00\x00\x00\x10ftypisom\x00\x00\x00\x00\x00\x00\x00\x20moov\x00\x00\x00\x18trak"];
    for (const text of kinds) expect(await readTrack(new Blob([text]))).toBeNull();
    for (let k = 0; k < 200; k++) {
      const bytes = Uint8Array.from({ length: 64 }, () => Math.floor(random() * 256));
      bytes.set([0, 0, 0, 64, 109, 111, 111, 118, 0, 0, 0, 48, 116, 114, 97, 107]);
      expect(await readTrack(new Blob([bytes]))).toBeNull();
    }
  });
});
