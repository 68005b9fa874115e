// Points, boxes and bars over the picture. Bars grow from the middle: to the side of the face that they speak about, as it is seen.

import { onTheBrows } from "../../../shared/brows";
import type { FrameFace } from "../api";
import type { Projection } from "./geometry";
import { highest, type ScoreKind } from "./messages";

export interface Look {
  kind: ScoreKind;
  points: boolean;
  bars: boolean;
  mirrored: boolean;
  /** Colour of a face by its number. */
  colour: (face: number) => string;
}

/** Lines through the 68 points: jaw, brows, nose, eyes, lips; closed ones end where they began. */
const LINES: [first: number, last: number, closed: boolean][] = [
  [0, 16, false], [17, 21, false], [22, 26, false], [27, 30, false], [31, 35, false],
  [36, 41, true], [42, 47, true], [48, 59, true], [60, 67, true],
];
const MOST_BARS = 7;
const ROW = 17;
const HALF = 34;
const PANEL = 2 * HALF + 46;

export interface Bar {
  unit: number;
  value: number;
  /** Shares of the full length, by side of the person; equal where the unit has no sides. */
  left: number;
  right: number;
  sided: boolean;
}

/** The strongest units of a face in the order of their numbers; those below a tenth of the scale are left out. */
export function bars(face: FrameFace, units: readonly number[], kind: ScoreKind, most = MOST_BARS): Bar[] {
  const full = highest(kind);
  const all = units.flatMap((unit, place): Bar[] => {
    const value = face[kind]?.[place];
    if (value === null || value === undefined || value < full / 10) return [];
    const [left, right] = [face.left?.[place] ?? null, face.right?.[place] ?? null];
    const sided = left !== null && right !== null;
    return [{ unit, value, left: (sided ? left : value) / full, right: (sided ? right : value) / full, sided }];
  });
  const strongest = [...all].sort((a, b) => b.value - a.value).slice(0, most);
  return all.filter((bar) => strongest.includes(bar));
}

function drawLines(pen: CanvasRenderingContext2D, face: FrameFace, at: Projection): void {
  const points = onTheBrows(face.landmarks);
  const x = (place: number): number => at.x(points[2 * place] ?? NaN);
  const y = (place: number): number => at.y(points[2 * place + 1] ?? NaN);
  if (points.length < 136 || points.some((value) => value === null)) return;
  pen.lineWidth = 1;
  pen.globalAlpha = 0.55;
  pen.beginPath();
  for (const [first, last, closed] of LINES) {
    pen.moveTo(x(first), y(first));
    for (let place = first + 1; place <= last; place++) pen.lineTo(x(place), y(place));
    if (closed) pen.closePath();
  }
  pen.stroke();
  pen.globalAlpha = 1;
  for (let place = 0; place < 68; place++) pen.fillRect(x(place) - 1, y(place) - 1, 2, 2);
}

function drawBox(pen: CanvasRenderingContext2D, [x0, y0, x1, y1]: readonly number[], label: string): void {
  pen.lineWidth = 2;
  pen.strokeRect(x0!, y0!, x1! - x0!, y1! - y0!);
  const width = pen.measureText(label).width + 10;
  pen.fillRect(x0! - 1, y0! - 18, width, 18);
  pen.fillStyle = "#0b0f16";
  pen.fillText(label, x0! + 4, y0! - 5);
}

/** Beside the face where there is more room, inside the stage in any case. */
function panelPlace(box: readonly number[], rows: number, width: number, height: number): [number, number] {
  const right = width - box[2]! >= box[0]!;
  const x = right ? Math.min(box[2]! + 8, width - PANEL - 4) : Math.max(box[0]! - PANEL - 8, 4);
  return [x, Math.max(4, Math.min(box[1]!, height - rows * ROW - 12))];
}

function drawBars(pen: CanvasRenderingContext2D, shown: Bar[], x: number, y: number, look: Look, colour: string): void {
  pen.fillStyle = "rgb(10 14 20 / 72%)";
  pen.fillRect(x, y, PANEL, shown.length * ROW + 8);
  const middle = x + PANEL - HALF - 5;
  shown.forEach((bar, row) => {
    const top = y + 4 + row * ROW;
    pen.fillStyle = "#ffffff";
    pen.fillText(`AU${bar.unit}`, x + 5, top + 12.5);
    pen.fillStyle = "rgb(255 255 255 / 16%)";
    pen.fillRect(middle - HALF, top + 3, 2 * HALF, ROW - 6);
    // Not mirrored, the person's right side is on the left of the picture.
    const [before, after] = look.mirrored ? [bar.left, bar.right] : [bar.right, bar.left];
    pen.fillStyle = colour;
    pen.globalAlpha = bar.sided ? 1 : 0.7;
    pen.fillRect(middle - HALF * Math.min(1, before), top + 3, HALF * Math.min(1, before), ROW - 6);
    pen.fillRect(middle, top + 3, HALF * Math.min(1, after), ROW - 6);
    pen.globalAlpha = 1;
    pen.fillStyle = "rgb(10 14 20 / 80%)";
    pen.fillRect(middle - 0.5, top + 3, 1, ROW - 6);
  });
}

/** Draws all faces on a stage of `width` x `height` CSS pixels; the pen is scaled for them already. */
export function drawFaces(
  pen: CanvasRenderingContext2D,
  width: number,
  height: number,
  faces: readonly FrameFace[],
  units: readonly number[],
  at: Projection,
  look: Look,
): void {
  pen.clearRect(0, 0, width, height);
  pen.font = "12px system-ui, sans-serif";
  for (const face of faces) {
    const box = at.box(face.box);
    const colour = look.colour(face.face);
    pen.strokeStyle = pen.fillStyle = colour;
    if (look.points) drawLines(pen, face, at);
    drawBox(pen, box, `face ${face.face}`);
    const shown = look.bars ? bars(face, units, look.kind) : [];
    if (shown.length) drawBars(pen, shown, ...panelPlace(box, shown.length, width, height), look, colour);
  }
}
