// Intensities over time, one lane per action unit, drawn on a canvas.
import type { Facts } from "../../../shared/pipeline/facts";
import { colour } from "../../../shared/theme";
import type { Moment } from "../records";

export const LANE = 26;
export const AXIS = 20;
export const LABELS = 52;

export interface View {
  face: number;
  start: number;
  end: number;
  now: number | null;
}

/** `width` in CSS pixels; the canvas is as high as its lanes. */
export function drawLanes(canvas: HTMLCanvasElement, moments: readonly Moment[], facts: Facts, view: View, width: number): void {
  const ratio = window.devicePixelRatio || 1, height = facts.units.length * LANE + AXIS;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  if (!context || width <= LABELS) return;
  context.scale(ratio, ratio);
  const span = Math.max(view.end - view.start, 1e-3);
  const place = (time: number) => LABELS + ((time - view.start) / span) * (width - LABELS - 4);
  drawAxis(context, view, place, width, height);
  const [line, muted] = [colour("--line"), colour("--muted")], style = { stroke: colour(`--face-${view.face % 6}`), fill: colour("--accent-soft") };
  facts.units.forEach((unit, k) => {
    const bottom = (k + 1) * LANE;
    context.fillStyle = line;
    context.fillRect(LABELS, bottom - 0.5, width - LABELS, 0.5);
    context.fillStyle = muted;
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.fillText(unit.label, 2, bottom - LANE / 2);
    context.strokeStyle = style.stroke;
    context.fillStyle = style.fill;
    drawLane(context, moments, k, view, place, bottom);
  });
  if (view.now !== null && view.now >= view.start && view.now <= view.end) {
    context.fillStyle = colour("--bad");
    context.fillRect(place(view.now) - 0.75, 0, 1.5, height - AXIS);
  }
}

/** A line with the area below it; broken where the face is not there. */
function drawLane(
  context: CanvasRenderingContext2D, moments: readonly Moment[], unit: number, view: View, place: (time: number) => number, bottom: number,
): void {
  context.lineWidth = 1.3;
  let line: [number, number][] = [];
  const finish = () => {
    if (line.length) trace(context, line, bottom);
    line = [];
  };
  for (const moment of moments) {
    if (moment.time < view.start - 1 || moment.time > view.end + 1) continue;
    const face = moment.faces.find((one) => one.id === view.face);
    if (!face) finish();
    else addPoint(line, place(moment.time), bottom - 1 - (face.intensity[unit]! / 5) * (LANE - 5));
  }
  finish();
}

/** Of several points within half a pixel, the highest is drawn. */
function addPoint(line: [number, number][], x: number, y: number): void {
  const last = line[line.length - 1];
  if (last && x - last[0] < 0.5) last[1] = Math.min(last[1], y);
  else line.push([x, y]);
}

function trace(context: CanvasRenderingContext2D, line: [number, number][], bottom: number): void {
  if (line.length === 1) line = [line[0]!, [line[0]![0] + 1.5, line[0]![1]]];
  context.beginPath();
  line.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
  context.lineTo(line[line.length - 1]![0], bottom - 0.5);
  context.lineTo(line[0]![0], bottom - 0.5);
  context.globalAlpha = 0.7;
  context.fill();
  context.globalAlpha = 1;
}

function drawAxis(context: CanvasRenderingContext2D, view: View, place: (time: number) => number, width: number, height: number): void {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((one) => (one / (view.end - view.start)) * (width - LABELS) >= 58) ?? 7200;
  context.fillStyle = colour("--muted");
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  for (let time = Math.ceil(view.start / step - 1e-9) * step; time <= view.end + 1e-9; time += step) {
    const x = place(time);
    context.fillRect(x, 0, 0.5, height - AXIS + 4);
    context.fillText(clock(time, step), Math.min(Math.max(x, LABELS + 10), width - 16), height - 4);
  }
}

/** Seconds as minutes and seconds, with as many digits as the steps need. */
export function clock(time: number, step = 1): string {
  const minutes = Math.floor(time / 60 + 1e-9), seconds = Math.max(time - 60 * minutes, 0);
  return `${minutes}:${seconds.toFixed(step < 1 ? 1 : 0).padStart(step < 1 ? 4 : 2, "0")}`;
}
