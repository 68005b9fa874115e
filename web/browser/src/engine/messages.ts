// What the page and its two workers tell each other: one finds the faces, the other scores them, both at the same time.
import type { Facts } from "../../../shared/pipeline/facts";
import type { PreparedFaces } from "../../../shared/pipeline/prepare";
import type { ScoredFace } from "../../../shared/pipeline/score";

export type Role = "find" | "score";

/** From the page. The finding worker hands its faces to the scoring one through `port`. */
export type Asked =
  | { kind: "start"; role: Role; base: string; facts: Facts; port: MessagePort }
  | { kind: "picture"; id: number; bitmap: ImageBitmap }
  | { kind: "frame"; id: number; bitmap: ImageBitmap | VideoFrame; time: number }
  | { kind: "reset" };

/** From the finding worker to the scoring one. */
export interface Found {
  id: number;
  prepared: PreparedFaces;
  width: number;
  height: number;
}

/** To the page. */
export type Told =
  | { kind: "loading"; bytes: number }
  | { kind: "ready"; threads: number; verified: boolean }
  | { kind: "taken"; id: number }
  | { kind: "scores"; id: number; faces: ScoredFace[]; width: number; height: number }
  | { kind: "problem"; id: number | null; message: string };
