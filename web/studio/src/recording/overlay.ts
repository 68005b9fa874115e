// What is drawn over the picture: boxes, points and bars, in the page's pixels.

import { onTheBrows } from "../../../shared/brows";
import type { FaceFrame, FrameFace, Row } from "../api";

export interface OverlayChoice {
  box: boolean;
  points: boolean;
  bars: boolean;
  quality: boolean;
}

export interface OverlayScene {
  frame: FaceFrame | null;
  units: number[];
  kind: "intensity" | "probability";
  selected: number | null;
  choice: OverlayChoice;
  /** Where the picture lies on the canvas, and how large a pixel of the recording is there. */
  picture: { x: number; y: number; width: number; height: number; scale: number };
  colours: (face: number) => string;
  /** Colour of words on them. */
  ink: string;
  /** Unit that is looked at: its bar is marked. */
  unit: number | null;
}

const FONT = '"Segoe UI", Roboto, "Liberation Sans", system-ui, sans-serif';
const PANEL = { width: 138, pad: 6, head: 17 };

// Runs of the 68 points that are joined by lines; true: closed.
const RUNS: [number, number, boolean][] = [
  [0, 16, false], [17, 21, false], [22, 26, false], [27, 30, false], [31, 35, false],
  [36, 41, true], [42, 47, true], [48, 59, true], [60, 67, true],
];

export function drawOverlay(ctx: CanvasRenderingContext2D, scene: OverlayScene): void {
  for (const face of scene.frame?.faces ?? []) {
    const chosen = face.face === scene.selected;
    if (scene.choice.points) points(ctx, face, scene, chosen);
    if (scene.choice.box || scene.choice.quality) box(ctx, face, scene, chosen);
  }
  const selected = scene.frame?.faces.find((face) => face.face === scene.selected);
  if (scene.choice.bars && selected) bars(ctx, selected, scene);
}

/** Number of the face whose box is at x, y of the canvas; the smallest where several are. */
export function faceAt(frame: FaceFrame | null, picture: OverlayScene["picture"], x: number, y: number): number | null {
  const [px, py] = [(x - picture.x) / picture.scale, (y - picture.y) / picture.scale];
  const hit = (frame?.faces ?? []).filter(({ box: [x0, y0, x1, y1] }) => px >= x0 && px <= x1 && py >= y0 && py <= y1);
  hit.sort((a, b) => (a.box[2] - a.box[0]) * (a.box[3] - a.box[1]) - (b.box[2] - b.box[0]) * (b.box[3] - b.box[1]));
  return hit[0]?.face ?? null;
}

function points(ctx: CanvasRenderingContext2D, face: FrameFace, { picture, colours }: OverlayScene, chosen: boolean): void {
  const places = onTheBrows(face.landmarks);
  const at = (k: number): [number, number] | null => {
    const [x, y] = [places[2 * k], places[2 * k + 1]];
    return x == null || y == null ? null : [picture.x + x * picture.scale, picture.y + y * picture.scale];
  };
  const size = Math.max(0.9, Math.min(2.2, ((face.box[2] - face.box[0]) * picture.scale) / 90));
  ctx.globalAlpha = chosen ? 0.9 : 0.5;
  ctx.strokeStyle = colours(face.face);
  ctx.lineWidth = Math.max(0.8, size * 0.6);
  ctx.beginPath();
  for (const [first, last, closed] of RUNS) {
    let open = false;
    for (let k = first; k <= last; k++) {
      const p = at(k);
      if (!p) open = false;
      else if (open) ctx.lineTo(...p);
      else ctx.moveTo(...p);
      open = p !== null;
    }
    const [a, b] = [at(first), at(last)];
    if (closed && a && b) { ctx.moveTo(...b); ctx.lineTo(...a); }
  }
  ctx.stroke();
  ctx.fillStyle = "#fff";
  ctx.beginPath();
  for (let k = 0; k < 68; k++) {
    const p = at(k);
    if (p) { ctx.moveTo(p[0] + size, p[1]); ctx.arc(p[0], p[1], size, 0, 7); }
  }
  ctx.fill();
  ctx.globalAlpha = 1;
}

function box(ctx: CanvasRenderingContext2D, face: FrameFace, scene: OverlayScene, chosen: boolean): void {
  const { picture, colours, choice } = scene;
  const [x0, y0, x1, y1] = face.box.map((value, k) => value * picture.scale + (k % 2 ? picture.y : picture.x)) as [number, number, number, number];
  const colour = colours(face.face);
  if (choice.box) {
    ctx.lineWidth = chosen ? 2.5 : 1.5;
    ctx.strokeStyle = "rgb(0 0 0 / 45%)";
    ctx.strokeRect(x0 - 1, y0 - 1, x1 - x0 + 2, y1 - y0 + 2);
    ctx.strokeStyle = colour;
    ctx.strokeRect(x0, y0, x1 - x0, y1 - y0);
  }
  const words = [choice.box ? `Face ${face.face}` : "", choice.quality && face.quality != null ? `quality ${Math.round(face.quality * 100)} %` : ""];
  label(ctx, words.filter(Boolean).join(" · "), x0, y0, colour, scene);
}

function label(ctx: CanvasRenderingContext2D, text: string, x: number, y: number, colour: string, { picture, ink }: OverlayScene): void {
  if (!text) return;
  ctx.font = `600 12px ${FONT}`;
  const width = ctx.measureText(text).width + 12;
  const left = Math.max(picture.x, Math.min(x - 1, picture.x + picture.width - width));
  const top = Math.max(picture.y, y - 20);
  ctx.fillStyle = colour;
  ctx.fillRect(left, top, width, 18);
  ctx.fillStyle = ink;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillText(text, left + 6, top + 9.5);
}

/** Left or right edge of the picture, where the bars hide less of the faces, above all of this one. */
function freer({ frame, picture }: OverlayScene, face: FrameFace, width: number): number {
  const edges = [picture.x + picture.width - width - PANEL.pad, picture.x + PANEL.pad] as const;
  const hidden = (left: number): number =>
    (frame?.faces ?? []).reduce((sum, one) => {
      const [x0, x1] = [picture.x + one.box[0] * picture.scale, picture.x + one.box[2] * picture.scale];
      return sum + Math.max(0, Math.min(left + width, x1) - Math.max(left, x0)) * (one === face ? 3 : 1);
    }, 0);
  return hidden(edges[0]) <= hidden(edges[1]) ? edges[0] : edges[1];
}

/** As one sees the face: bars to the left are the person's right half. */
function bars(ctx: CanvasRenderingContext2D, face: FrameFace, scene: OverlayScene): void {
  const { units, picture, kind } = scene;
  if (!units.length) return;
  const width = Math.min(PANEL.width, picture.width * 0.3);
  const line = Math.max(8, Math.min(16, (picture.height - PANEL.head - 3 * PANEL.pad) / units.length));
  const height = PANEL.head + units.length * line + PANEL.pad;
  const x = freer(scene, face, width);
  const y = picture.y + Math.max(0, Math.min(PANEL.pad, (picture.height - height) / 2));
  ctx.fillStyle = "rgb(8 12 18 / 68%)";
  ctx.beginPath();
  ctx.roundRect(x, y, width, height, 6);
  ctx.fill();
  ctx.textBaseline = "middle";
  ctx.fillStyle = "#b9c3d3";
  ctx.font = `10px ${FONT}`;
  const centre = x + width / 2;
  ctx.textAlign = "left";
  ctx.fillText("right", x + PANEL.pad, y + 10);
  ctx.textAlign = "right";
  ctx.fillText("left", x + width - PANEL.pad, y + 10);
  ctx.textAlign = "center";
  ctx.fillText(`face ${face.face}`, centre, y + 10);
  const room = width / 2 - 20 - PANEL.pad;
  const most = kind === "intensity" ? 5 : 1;
  const whole: Row = kind === "intensity" ? face.intensity : face.probability;
  units.forEach((unit, k) => {
    const top = y + PANEL.head + k * line;
    const [value, left, right] = [whole[k], face.left?.[k], face.right?.[k]];
    const on = unit === scene.unit;
    ctx.font = `${on ? "700 " : ""}${Math.min(11, line - 1)}px ${FONT}`;
    ctx.fillStyle = on ? "#fff" : (value ?? 0) >= most * 0.3 ? "#eef2f8" : "#9aa6b8";
    ctx.fillText(String(unit), centre, top + line / 2 + 0.5);
    half(ctx, right ?? value, -1);
    half(ctx, left ?? value, 1);
    function half(to: CanvasRenderingContext2D, amount: number | null | undefined, way: 1 | -1): void {
      const begin = centre + way * 14;
      to.fillStyle = "rgb(255 255 255 / 10%)";
      to.fillRect(way > 0 ? begin : begin - room, top + line * 0.22, room, line * 0.56);
      if (amount == null) return;
      const long = (Math.min(most, Math.max(0, amount)) / most) * room;
      to.fillStyle = left == null && right == null ? "#8fb4ea" : "#f2c14e";
      to.fillRect(way > 0 ? begin : begin - long, top + line * 0.22, long, line * 0.56);
    }
  });
}
