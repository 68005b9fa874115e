// What `models.json` holds: files and constants, written by Python from the objects that it works with itself.
import type { HeadFacts } from "./pose";

export interface NetworkFile {
  file: string;
  sha256: string;
  bytes: number;
}

export interface UnitFacts {
  unit: number;
  name: string;
  label: string;
  muscles: string[];
  bilateral: boolean;
  description: string;
}

/** A ramp: 0 at the first number, 1 at the second, clipped outside. */
export type Ramp = [number, number];

export interface FinderFacts {
  border: number;
  glance_sides: number[];
  look_sides: number[];
  search_sides: number[];
  box_score: number;
  smallest_face: number;
  max_candidates: number;
  same_box: number;
  part_of: number;
  same_face: number;
  agreement: number;
  mirrored: Ramp;
  alone: number;
  check_frames: number;
  new_face: number;
  new_face_limit: number;
  first_reading: number;
  misfit: Ramp;
  min_confidence: number;
  crop_size: number;
  crop_scale: number;
  mirror_68: number[];
}

export interface FollowingFacts {
  search_interval: number;
  search_frames: number;
  put_off: number;
  still: number;
  near: number;
  lost_interval: number;
  max_overlap: number;
  nested: number;
}

export interface TrackerFacts {
  max_lost: number;
  max_distance: number;
  distance_growth: number;
  max_size_ratio: number;
  smoothing: number;
  damping: number;
}

export interface CutFacts {
  change: number;
  sudden: number;
  smoothing: number;
  plain: number;
}

export interface TemplateFacts {
  size: number;
  rows: number[];
  points: number[][];
}

export interface QualityFacts {
  ramps: Record<"fit" | "visible" | "clarity" | "size" | "pose" | "clipped" | "contrast" | "inside", Ramp>;
  pitch_weight: number;
  black: number;
  burnt: number;
  analysis_size: number;
  check_size: number;
  border: number;
  recommended: number;
}

export interface Facts {
  version: string;
  model: { name: string; sha256: string; reference_rate: number; crop_size: number; border: number; present: number };
  finder_sha256: Record<string, string>;
  networks: Record<"detector" | "landmarks" | "action_units" | "face_check", NetworkFile>;
  units: UnitFacts[];
  finder: FinderFacts;
  following: FollowingFacts;
  tracker: TrackerFacts;
  cuts: CutFacts;
  template: TemplateFacts;
  head: HeadFacts;
  quality: QualityFacts;
  /** Names of the columns of the tables that `aufait detect` writes. */
  columns: Record<"video" | "image", string[]>;
  notice: string;
  limits: string[];
}
