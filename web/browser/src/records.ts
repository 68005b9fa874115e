// What was scored, moment by moment, and how it becomes a table with the columns of `aufait detect`.
import type { Facts } from "../../shared/pipeline/facts";
import type { ScoredFace } from "../../shared/pipeline/score";

export interface Moment {
  /** Number of the frame, from 1. */
  frame: number;
  /** Seconds. */
  time: number;
  faces: ScoredFace[];
}

export interface Source {
  name: string;
  kind: "video" | "image";
  width: number;
  height: number;
}

/** The last moment at or before a time; null where there is none. Moments are in the order of their times. */
export function momentAt(moments: readonly Moment[], time: number): Moment | null {
  let low = 0, high = moments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (moments[middle]!.time <= time + 1e-3) low = middle + 1;
    else high = middle;
  }
  return low ? moments[low - 1]! : null;
}

/** Numbers of all faces, in order. */
export function facesOf(moments: readonly Moment[]): number[] {
  return [...new Set(moments.flatMap((moment) => moment.faces.map((face) => face.id)))].sort((a, b) => a - b);
}

/** The table as text; one row per face, or one that says that there is none. */
export function csv(moments: readonly Moment[], source: Source, facts: Facts): string {
  const columns = facts.columns[source.kind];
  const own = columns.indexOf(source.kind === "video" ? "presentation_time" : "success"); // before it are OpenFace's columns
  const lines = moments.flatMap((moment) => {
    const faces: (ScoredFace | null)[] = moment.faces.length ? moment.faces : [null];
    return faces.map((face) => columns.map((name, k) => (
      ofMoment(name, moment, face, source) ?? (face ? ofFace(name, face, facts) : k < own ? zero(name) : "")
    )).join(","));
  });
  return [columns.join(","), ...lines].join("\n") + "\n";
}

const UNIT = /^AU(\d+)_(?:(left|right)_)?([rcp])$/;

/** What OpenFace writes in the row of a frame without a face. */
function zero(name: string): string {
  return name.startsWith("AU") ? "0" : name.startsWith("pose_R") ? "0.000" : "0.0";
}

function ofMoment(name: string, moment: Moment, face: ScoredFace | null, source: Source): string | null {
  switch (name) {
    case "frame": return String(moment.frame);
    case "face": case "face_id": return String(face?.id ?? 0);
    case "timestamp": return moment.time.toFixed(3);
    case "presentation_time": return Number.isInteger(moment.time) ? moment.time.toFixed(1) : String(moment.time);
    case "confidence": return (face?.confidence ?? 0).toFixed(2);
    case "success": return face ? "1" : "0";
    case "width": return String(source.width);
    case "height": return String(source.height);
    case "source": return quoted(source.name);
    default: return null;
  }
}

function ofFace(name: string, face: ScoredFace, facts: Facts): string {
  const unit = UNIT.exec(name);
  if (unit) return unitCell(Number(unit[1]), unit[2] ?? "", unit[3]!, face, facts);
  const pose = /^pose_([TR])([xyz])$/.exec(name);
  if (pose) {
    const axis = "xyz".indexOf(pose[2]!);
    return pose[1] === "T" ? face.pose.translation[axis]!.toFixed(1) : face.pose.rotation[axis]!.toFixed(3);
  }
  const point = /^([xy])_(\d+)$/.exec(name);
  if (point) return face.points[2 * Number(point[2]) + (point[1] === "y" ? 1 : 0)]!.toFixed(1);
  const box = ["box_x0", "box_y0", "box_x1", "box_y1"].indexOf(name);
  if (box >= 0) return face.box[box]!.toFixed(1);
  return name === "quality" ? face.quality.toFixed(3) : "";
}

/** OpenFace's AU45 (blink) holds AU43 (eyes closed); a unit that the model does not score stays empty. */
function unitCell(unit: number, side: string, what: string, face: ScoredFace, facts: Facts): string {
  const place = facts.units.findIndex((one) => one.unit === (unit === 45 ? 43 : unit));
  if (place < 0) return "";
  if (what === "c") return face.probability[place]! >= facts.model.present ? "1.0" : "0.0";
  const [intensity, probability] =
    side === "left" ? [face.intensityLeft, face.probabilityLeft]
    : side === "right" ? [face.intensityRight, face.probabilityRight]
    : [face.intensity, face.probability];
  return what === "r" ? intensity[place]!.toFixed(2) : probability[place]!.toFixed(4);
}

/** A name as a cell that no spreadsheet takes for a formula. */
export function quoted(text: string): string {
  const safe = /^\s*[=+\-@]/.test(text) ? `./${text}` : text;
  return /[,;"\t\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
