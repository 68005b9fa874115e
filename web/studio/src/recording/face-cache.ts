// Boxes, points and scores of single frames, asked for in pieces of some seconds and kept.

import * as api from "../api";
import { nearest } from "./lane-cache";

const PIECE = 6; // seconds
const KEPT = 16;
const PATIENCE_MS = 120; // pieces that are only rushed through are not asked for

interface Piece {
  times: Float64Array;
  frames: api.FaceFrame[];
}

export class FaceCache {
  units: number[] = [];
  private pieces = new Map<number, Piece | "asked">();
  private wanted = -1;
  private timer = 0;

  constructor(
    private readonly id: string,
    private readonly duration: number,
    private readonly fps: number,
    private readonly came: () => void,
    private readonly failed: (sentence: string) => void,
  ) {}

  /** The frame shown at `time`, null while it is not here. Asks ahead. */
  at(time: number): api.FaceFrame | null {
    const number = Math.max(0, Math.floor(time / PIECE));
    const piece = this.pieces.get(number);
    if (piece === undefined) this.want(number);
    else if (time - number * PIECE > PIECE * 0.6 && (number + 1) * PIECE < this.duration && !this.pieces.has(number + 1)) this.want(number + 1);
    if (piece === undefined || piece === "asked") return null;
    const k = nearest(piece.times, time);
    const frame = piece.frames[k];
    return frame && Math.abs(frame.time - time) < 1.5 / this.fps ? frame : null;
  }

  private want(number: number): void {
    if (this.wanted === number) return;
    this.wanted = number;
    window.clearTimeout(this.timer);
    const ask = (): void => {
      this.wanted = -1;
      if (!this.pieces.has(number)) void this.fetch(number);
    };
    if (this.pieces.size) this.timer = window.setTimeout(ask, PATIENCE_MS);
    else ask();
  }

  private async fetch(number: number): Promise<void> {
    this.pieces.set(number, "asked");
    const half = 0.5 / this.fps; // the frame before and after: the nearest may lie across the border
    try {
      const answer = await api.faces(this.id, Math.max(0, number * PIECE - half), (number + 1) * PIECE + half);
      this.units = answer.action_units;
      this.pieces.delete(number);
      this.pieces.set(number, { times: Float64Array.from(answer.frames, (frame) => frame.time), frames: answer.frames });
      for (const old of this.pieces.keys()) {
        if (this.pieces.size <= KEPT) break;
        this.pieces.delete(old);
      }
      this.failed("");
      this.came();
    } catch (error) {
      this.failed((error as Error).message);
      window.setTimeout(() => this.pieces.get(number) === "asked" && this.pieces.delete(number), 3000);
    }
  }
}
