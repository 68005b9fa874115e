// The time axis and the overview above the lanes.

import type { FaceEvent, Lanes, Marker } from "../api";
import { clock } from "../state/format";
import { colour } from "../../../shared/theme";
import { runs } from "./lane-plot";

const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
const WORD = 78; // pixels that a label needs

/** Sizes a canvas for the screen and clears it; coordinates are then the page's pixels. */
export function fresh(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const ctx = canvas.getContext("2d")!;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  return ctx;
}

export function drawAxis(canvas: HTMLCanvasElement, width: number, height: number, start: number, end: number): void {
  const ctx = fresh(canvas, width, height);
  const wide = (end - start) * (WORD / Math.max(1, width));
  const step = STEPS.find((one) => one >= wide) ?? STEPS.at(-1)!;
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  ctx.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  ctx.textBaseline = "middle";
  ctx.fillStyle = colour("--muted");
  const tick = colour("--line-strong");
  for (let k = Math.ceil(start / step - 1e-9); k * step <= end + 1e-9; k++) {
    const x = ((k * step - start) / (end - start)) * width;
    ctx.fillText(clock(k * step, digits), Math.min(x + 4, width - 44), height / 2);
    ctx.save();
    ctx.fillStyle = tick;
    ctx.fillRect(Math.round(x), height - 7, 1, 7);
    ctx.restore();
  }
}

export interface OverviewScene {
  width: number;
  height: number;
  duration: number;
  start: number;
  end: number;
  lanes: Lanes | null;
  events: FaceEvent[];
  face: number;
}

/** The whole recording: where the face is known, where events are, and what the lanes show. */
export function drawOverview(canvas: HTMLCanvasElement, scene: OverviewScene): void {
  const { width, height, duration, start, end, lanes, events, face } = scene;
  const ctx = fresh(canvas, width, height);
  const x = (time: number): number => (time / duration) * width;
  ctx.fillStyle = colour("--sunken");
  ctx.fillRect(0, 0, width, height);
  if (lanes) {
    ctx.fillStyle = colour("--line-strong");
    for (const [kind, from, to] of runs(lanes)) {
      ctx.globalAlpha = kind === "none" ? 0.55 : 0.3;
      ctx.fillRect(x(from - lanes.step / 2), 0, Math.max(1, x(to - from + lanes.step)), height);
    }
  }
  const bins = density(events, duration, width);
  const most = Math.max(1, ...bins);
  ctx.globalAlpha = 1;
  ctx.fillStyle = colour(`--face-${face % 6}`);
  bins.forEach((many, k) => {
    if (many) ctx.fillRect(k * 2, height - 2 - (many / most) * (height - 6), 2, (many / most) * (height - 6));
  });
  const [left, right] = [x(start), Math.max(x(end), x(start) + 3)];
  ctx.fillStyle = colour("--bg");
  ctx.globalAlpha = 0.55;
  ctx.fillRect(0, 0, left, height);
  ctx.fillRect(right, 0, width - right, height);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = colour("--accent");
  ctx.lineWidth = 1.5;
  ctx.strokeRect(left + 0.75, 0.75, Math.max(2, right - left - 1.5), height - 1.5);
}

/** How many events there are in each two pixels. */
function density(events: FaceEvent[], duration: number, width: number): number[] {
  const bins = new Array<number>(Math.max(1, Math.ceil(width / 2))).fill(0);
  for (const event of events) {
    if (event.status === "rejected" || event.side) continue;
    const last = Math.min(bins.length - 1, Math.floor((event.offset / duration) * bins.length));
    for (let k = Math.max(0, Math.floor((event.onset / duration) * bins.length)); k <= last; k++) bins[k]! += 1;
  }
  return bins;
}

export function drawMarkers(canvas: HTMLCanvasElement, width: number, height: number, start: number, end: number, markers: Marker[]): void {
  const ctx = fresh(canvas, width, height);
  const x = (time: number): number => ((time - start) / (end - start)) * width;
  ctx.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  ctx.textBaseline = "middle";
  const soft = colour("--accent-soft");
  const strong = colour("--accent");
  const text = colour("--text");
  for (const marker of markers) {
    const [left, right] = [x(marker.start), x(marker.end)];
    if (right < 0 || left > width) continue;
    const wide = Math.max(2, right - left);
    ctx.fillStyle = soft;
    ctx.fillRect(left, 2, wide, height - 4);
    ctx.fillStyle = strong;
    ctx.fillRect(left, 2, 2, height - 4);
    ctx.save();
    ctx.beginPath();
    ctx.rect(Math.max(0, left), 0, wide > 24 ? wide : 120, height);
    ctx.clip();
    ctx.fillStyle = text;
    ctx.fillText(marker.label, Math.max(0, left) + 6, height / 2 + 0.5);
    ctx.restore();
  }
}
