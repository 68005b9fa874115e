// Scores of a session as a table in memory, with the columns of `aufait detect`, so that the same tools read it.

import type { FrameFace } from "../api";
import type { ScoreKind, Scores } from "./messages";

/** Rows that are kept at most: about 100 minutes of one face at 30 frames a second, some 70 MB as text. */
export const MOST_ROWS = 180_000;

const INDEX = ["frame", "face_id", "timestamp", "success", "presentation_time", "box_x0", "box_y0", "box_x1", "box_y1", "quality"];
const digits = (value: number | null | undefined, places: number): string =>
  value === null || value === undefined || !Number.isFinite(value) ? "" : String(Number(value.toFixed(places)));

/** A cell that no spreadsheet takes for a formula, quoted where it must be. */
export function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export class Recorder {
  #lines: string[] = [];
  #start: number | null = null;
  #last = 0;
  #frames = 0;
  #units: number[] = [];
  #kind: ScoreKind = "intensity";

  constructor(
    private readonly source: string,
    private readonly width: number,
    private readonly height: number,
    private readonly most = MOST_ROWS,
  ) {}

  get rows(): number {
    return this.#lines.length;
  }

  get seconds(): number {
    return this.#start === null ? 0 : this.#last - this.#start;
  }

  get full(): boolean {
    return this.#lines.length >= this.most;
  }

  /** Adds one frame at `time` seconds of the session; nothing is added once the table is full. */
  add(time: number, { action_units, faces }: Pick<Scores, "action_units" | "faces">, kind: ScoreKind): void {
    if (this.full) return;
    this.#start ??= time;
    this.#last = time;
    this.#units = action_units;
    this.#kind = kind;
    this.#frames += 1;
    const rows = faces.length ? faces.map((face) => this.#row(face)) : [this.#empty()];
    this.#lines.push(...rows.slice(0, this.most - this.#lines.length));
  }

  csv(): string {
    return [this.#header(), ...this.#lines].join("\n") + "\n";
  }

  get #ends(): string {
    return [this.width, this.height, cell(this.source)].join(",");
  }

  #starts(face: number, found: 0 | 1): string[] {
    const time = this.#last - this.#start!;
    return [String(this.#frames), String(face), time.toFixed(3), String(found), digits(time, 6)];
  }

  #row(face: FrameFace): string {
    const box = face.box.map((value) => digits(value, 2));
    const scores = this.#units.flatMap((_, place) => [
      digits(face.probability?.[place], 4),
      digits(face.intensity?.[place], 3),
      digits(face.left?.[place], 3),
      digits(face.right?.[place], 3),
    ]);
    return [...this.#starts(face.face, 1), ...box, digits(face.quality, 3), ...scores, this.#ends].join(",");
  }

  #empty(): string {
    return [...this.#starts(0, 0), ...Array<string>(5 + 4 * this.#units.length).fill(""), this.#ends].join(",");
  }

  #header(): string {
    const side = this.#kind === "intensity" ? "r" : "p";
    const scores = this.#units.flatMap((unit) => {
      const name = `AU${String(unit).padStart(2, "0")}`;
      return [`${name}_p`, `${name}_r`, `${name}_left_${side}`, `${name}_right_${side}`];
    });
    return [...INDEX, ...scores, "width", "height", "source"].join(",");
  }
}
