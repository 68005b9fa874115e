// What the live WebSockets say, and how frames are packed for them.

import type { FrameFace } from "../api";

export interface Change {
  face: number;
  unit: number;
  kind: "onset" | "offset";
  time: number;
}

export interface Ready {
  type: "ready";
  action_units: number[];
  model: string;
  finder: string;
  kind: ScoreKind;
  /** How many pictures may be under way; of more, the server passes some over. */
  in_flight?: number;
  /** Why this finder and no other. */
  finder_reason?: string;
}

export interface Scores {
  type: "scores";
  /** The client's own clock, as it was sent with the frame; null from sources of the server. */
  sent: number | null;
  server_ms: number | null;
  dropped: number;
  frames_per_second: number | null;
  /** Seconds of the session; null where the network answers later, because it reads neighbouring frames. */
  time: number | null;
  action_units: number[];
  faces: FrameFace[];
  /** Width and height of the picture that boxes and landmarks are in. */
  size: [number, number] | null;
  changes: Change[];
}

/** Of a source of the server; tells what `ready` tells once that is known. */
export interface SourceState extends Partial<Omit<Ready, "type">> {
  type: "state";
  state: "connecting" | "running" | "broken" | "ended";
  message: string;
}

export interface Refused {
  type: "error";
  /** The picture that it is about, where that is known. */
  sent?: number | null;
  error: { code: string; message: string };
}

export type Message = Ready | Scores | SourceState | Refused;
export type ScoreKind = "intensity" | "probability";

/** Highest value of a kind of scores. */
export const highest = (kind: ScoreKind): number => (kind === "intensity" ? 5 : 1);

const known = (values: readonly (number | null)[] | null | undefined): boolean => !!values?.some((value) => value !== null);

/** Intensities where the model gives them, else probabilities. */
export function kindOf(faces: readonly FrameFace[]): ScoreKind | null {
  const face = faces.find((one) => known(one.intensity) || known(one.probability));
  return face ? (known(face.intensity) ? "intensity" : "probability") : null;
}

/** Eight bytes with the client's time in milliseconds (float64, little-endian), then the picture. */
export function packed(time: number, picture: ArrayBuffer): ArrayBuffer {
  const message = new Uint8Array(8 + picture.byteLength);
  new DataView(message.buffer).setFloat64(0, time, true);
  message.set(new Uint8Array(picture), 8);
  return message.buffer;
}

/** The message of a text frame, null where it is none of ours. */
export function parsed(text: string): Message | null {
  try {
    const message = JSON.parse(text) as Partial<Message>;
    return typeof message.type === "string" ? (message as Message) : null;
  } catch {
    return null;
  }
}
