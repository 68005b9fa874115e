// The last seconds of every face's scores, for the lanes.

import type { FrameFace } from "../api";
import type { ScoreKind } from "./messages";

export interface Trace {
  /** Seconds of the session, ascending. */
  time: number[];
  /** One list per action unit, as long as `time`; NaN where the face was not there. */
  values: number[][];
}

const rowOf = (face: FrameFace, kind: ScoreKind, units: number): number[] =>
  Array.from({ length: units }, (_, place) => face[kind]?.[place] ?? NaN);

export class History {
  #traces = new Map<number, Trace>();
  #seen = new Map<number, number>();
  #last = -Infinity;

  /** @param span seconds that are kept. */
  constructor(
    readonly units: number,
    readonly span = 30,
  ) {}

  /** One analysed frame; faces that are not in it get a gap. */
  add(time: number, faces: readonly FrameFace[], kind: ScoreKind): void {
    if (time < this.#last) this.clear(); // a source that connected again begins anew
    this.#last = time;
    for (const face of faces) {
      if (!this.#traces.has(face.face)) this.#traces.set(face.face, { time: [], values: Array.from({ length: this.units }, () => []) });
      this.#seen.set(face.face, time);
    }
    for (const [number, trace] of this.#traces) {
      const face = faces.find((one) => one.face === number);
      const row = face ? rowOf(face, kind, this.units) : null;
      trace.time.push(time);
      trace.values.forEach((values, place) => values.push(row ? row[place]! : NaN));
    }
    this.#forget(time - this.span);
  }

  /** Faces of the last seconds, by number. */
  get faces(): number[] {
    return [...this.#traces.keys()].sort((a, b) => a - b);
  }

  trace(face: number): Trace | null {
    return this.#traces.get(face) ?? null;
  }

  clear(): void {
    this.#traces.clear();
    this.#seen.clear();
  }

  #forget(start: number): void {
    for (const [number, trace] of this.#traces) {
      if (this.#seen.get(number)! < start) {
        this.#traces.delete(number);
        this.#seen.delete(number);
        continue;
      }
      // Cut now and then, not with every frame: two seconds of surplus cost nothing.
      if (trace.time[0]! > start - 2) continue;
      const kept = trace.time.findIndex((time) => time >= start);
      trace.time.splice(0, kept);
      for (const values of trace.values) values.splice(0, kept);
    }
  }
}
