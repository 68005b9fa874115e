// One lane: the curve of one unit, its bands, what is not known, and its events, on uPlot.

import uPlot from "uplot";
import type { FaceEvent, LaneUnit, Lanes } from "../api";
import { colour } from "../../../shared/theme";

export const LOW_QUALITY = 0.3; // below, frames count as missing, as in `aufait events`
export const EVENT_ROOM = 14; // pixels at the bottom of a lane in which events are grabbed

export interface LaneColours {
  line: string;
  soft: string;
  band: string;
  grid: string;
  shade: string;
  hatch: string;
  text: string;
  status: Record<string, string>;
}

/** As the theme says, for the face with this number. */
export function laneColours(face: number): LaneColours {
  const line = colour(`--face-${face % 6}`);
  const status = Object.fromEntries(["found", "accepted", "rejected", "moved", "added"].map((one) => [one, colour(`--event-${one}`)]));
  return { line, soft: mix(line, 22), band: mix(line, 13), grid: colour("--line"), shade: colour("--shade"), hatch: mix(colour("--muted"), 40), text: colour("--text"), status };
}

const mix = (base: string, percent: number): string => `color-mix(in srgb, ${base} ${percent}%, transparent)`;

export class LanePlot {
  private plot: uPlot;
  private events: FaceEvent[] = [];
  private chosen: FaceEvent["id"] | null = null;
  private lanes: Lanes | null = null;
  private width: number;
  /** What the picture shows; "" after a change of size or colours. */
  private drawn = "";

  constructor(
    readonly unit: number,
    width: number,
    private height: number,
    private colours: LaneColours,
    most: number,
  ) {
    this.width = width;
    const none = { show: false };
    const hidden: uPlot.Series = { width: 0, points: none, stroke: () => "transparent" };
    const options: uPlot.Options = {
      width, height, padding: [3, 0, EVENT_ROOM, 0], pxAlign: 0,
      cursor: none, legend: none, select: { show: false, left: 0, top: 0, width: 0, height: 0 },
      axes: [none, none],
      scales: { x: { time: false, auto: false }, y: { auto: false, range: [0, most] } },
      series: [
        {}, hidden, hidden, hidden, hidden,
        { width: 1.4, points: none, stroke: () => this.colours.line, spanGaps: false },
      ],
      bands: [
        { series: [1, 2], fill: () => this.colours.soft },
        { series: [3, 4], fill: () => this.colours.band },
      ],
      hooks: { drawClear: [(plot) => this.under(plot)], draw: [(plot) => this.over(plot)] },
    };
    this.plot = new uPlot(options, [[], [], [], [], [], []] as unknown as uPlot.AlignedData, document.createElement("div"));
  }

  resize(width: number, height: number): void {
    if (width === this.width && height === this.height) return;
    [this.width, this.height] = [width, height];
    this.drawn = "";
    this.plot.setSize({ width, height });
  }

  paint(colours: LaneColours): void {
    if (colours !== this.colours) this.drawn = "";
    this.colours = colours;
  }

  /** What was drawn, in the screen's pixels. It is not in the page: one sheet shows all lanes, which browsers move about faster. */
  get picture(): HTMLCanvasElement {
    return this.plot.ctx.canvas;
  }

  /** Draws a stretch of time, if anything of it is new: while an event is dragged, the other lanes stay as they are. */
  show(lanes: Lanes | null, start: number, end: number, events: FaceEvent[], selected: FaceEvent["id"] | null, most: number): void {
    const chosen = events.some((one) => one.id === selected) ? selected : null;
    const wanted = `${start} ${end} ${most} ${chosen}`;
    const known = lanes === this.lanes && events.length === this.events.length && events.every((one, k) => one === this.events[k]);
    if (known && wanted === this.drawn) return;
    this.drawn = wanted;
    this.events = events;
    this.chosen = chosen;
    this.plot.batch(() => {
      if (lanes !== this.lanes) {
        this.lanes = lanes;
        this.plot.setData(columns(lanes, this.unit), false);
      }
      const y = this.plot.scales.y!;
      if (y.max !== most) this.plot.setScale("y", { min: 0, max: most });
      this.plot.setScale("x", { min: start, max: end });
    });
  }

  destroy(): void {
    this.plot.destroy();
  }

  private under(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio || 1;
    const full = bbox.height + EVENT_ROOM * ratio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, full);
    ctx.clip();
    ctx.fillStyle = this.colours.grid;
    const top = plot.scales.y!.max ?? 5;
    for (const level of top > 1 ? [1, 2, 3, 4, 5] : [0.5, 1]) {
      ctx.globalAlpha = level === (top > 1 ? 3 : 0.5) ? 0.9 : 0.4;
      ctx.fillRect(bbox.left, Math.round(plot.valToPos(level, "y", true)), bbox.width, 1);
    }
    ctx.globalAlpha = 1;
    this.shade(plot, full);
    ctx.restore();
  }

  /** Low quality: a tint; no face: hatched. */
  private shade(plot: uPlot, height: number): void {
    const lanes = this.lanes;
    if (!lanes?.time.length) return;
    const { ctx, bbox } = plot;
    const half = lanes.step / 2;
    for (const [kind, from, to] of runs(lanes)) {
      const x0 = plot.valToPos(from - half, "x", true);
      const x1 = plot.valToPos(to + half, "x", true);
      if (x1 < bbox.left || x0 > bbox.left + bbox.width) continue;
      const left = Math.max(x0, bbox.left);
      const wide = Math.max(1, Math.min(x1, bbox.left + bbox.width) - left);
      ctx.fillStyle = this.colours.shade;
      if (kind === "low") ctx.fillRect(left, bbox.top, wide, height);
      else hatch(ctx, left, bbox.top, wide, height, this.colours.hatch);
    }
  }

  private over(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio || 1;
    const bottom = bbox.top + bbox.height + EVENT_ROOM * ratio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bottom - bbox.top);
    ctx.clip();
    for (const event of this.events) {
      const x0 = plot.valToPos(event.onset, "x", true);
      const x1 = Math.max(plot.valToPos(event.offset, "x", true), x0 + 2 * ratio);
      if (x1 < bbox.left || x0 > bbox.left + bbox.width) continue;
      this.bar(ctx, event, x0, x1 - x0, bbox.top, bottom, ratio);
    }
    ctx.restore();
  }

  private bar(ctx: CanvasRenderingContext2D, event: FaceEvent, x: number, width: number, top: number, bottom: number, ratio: number): void {
    const chosen = event.id === this.chosen;
    const [up, high] = event.side === "left" ? [12, 3] : event.side === "right" ? [8, 3] : [9, 7];
    ctx.fillStyle = this.colours.status[event.status] ?? this.colours.line;
    ctx.globalAlpha = chosen ? 0.22 : event.status === "rejected" ? 0 : 0.07;
    ctx.fillRect(x, top, width, bottom - top);
    ctx.globalAlpha = 1;
    if (event.status === "rejected") {
      ctx.strokeStyle = ctx.fillStyle;
      ctx.lineWidth = ratio;
      ctx.setLineDash([4 * ratio, 3 * ratio]);
      ctx.strokeRect(x + ratio / 2, bottom - up * ratio, Math.max(1, width - ratio), (high - 1) * ratio);
      ctx.setLineDash([]);
    } else {
      ctx.fillRect(x, bottom - up * ratio, width, high * ratio);
    }
    if (!chosen) return;
    ctx.strokeStyle = this.colours.text;
    ctx.lineWidth = 1.5 * ratio;
    ctx.strokeRect(x, bottom - up * ratio, width, high * ratio);
    ctx.fillStyle = this.colours.text;
    for (const edge of [x, x + width]) ctx.fillRect(edge - ratio, top, 2 * ratio, bottom - top);
  }
}

/** Columns of a unit for uPlot: time, highest, lowest, upper and lower bound of the uncertainty, mean. */
function columns(lanes: Lanes | null, unit: number): uPlot.AlignedData {
  const one: LaneUnit | undefined = lanes?.units[String(unit)];
  if (!lanes || !one) return [[], [], [], [], [], []] as unknown as uPlot.AlignedData;
  const empty = new Array<null>(lanes.time.length).fill(null);
  return [lanes.time, one.max ?? empty, one.min ?? empty, one.high ?? empty, one.low ?? empty, one.mean] as uPlot.AlignedData;
}

type Run = ["low" | "none", number, number];
const found = new WeakMap<Lanes, Run[]>();

/** Stretches of time without a face or of low quality. */
export function runs(lanes: Lanes): Run[] {
  const kept = found.get(lanes);
  if (kept) return kept;
  const all: Run[] = [];
  let open: Run | null = null;
  lanes.time.forEach((time, k) => {
    const quality = lanes.quality[k];
    const kind = Number(lanes.known[k]) < 0.5 ? "none" : quality != null && quality < LOW_QUALITY ? "low" : null;
    if (open && open[0] === kind) open[2] = time;
    else {
      open = kind ? [kind, time, time] : null;
      if (open) all.push(open);
    }
  });
  found.set(lanes, all);
  return all;
}

function hatch(ctx: CanvasRenderingContext2D, x: number, y: number, width: number, height: number, stroke: string): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, width, height);
  ctx.clip();
  ctx.strokeStyle = stroke;
  ctx.lineWidth = devicePixelRatio || 1;
  const gap = 7 * (devicePixelRatio || 1);
  ctx.beginPath();
  for (let k = Math.floor((x - height) / gap) * gap; k < x + width; k += gap) {
    ctx.moveTo(k, y + height);
    ctx.lineTo(k + height, y);
  }
  ctx.stroke();
  ctx.restore();
}
