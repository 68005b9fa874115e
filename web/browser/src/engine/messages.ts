// What the page and its worker tell each other.
import type { Facts } from "../../../shared/pipeline/facts";
import type { ScoredFace } from "../../../shared/pipeline/analyser";

export type Asked =
  | { kind: "start"; base: string }
  | { kind: "picture"; id: number; bitmap: ImageBitmap }
  | { kind: "frame"; id: number; bitmap: ImageBitmap; time: number }
  | { kind: "reset" };

export type Told =
  | { kind: "loading"; loaded: number; total: number; what: string }
  | { kind: "ready"; facts: Facts; threads: number; verified: boolean }
  | { kind: "scores"; id: number; faces: ScoredFace[]; width: number; height: number; milliseconds: number }
  | { kind: "problem"; id: number | null; message: string };
