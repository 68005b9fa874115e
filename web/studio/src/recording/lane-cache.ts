// Scores of a stretch of time as the server thins them out; kept, so that moving about asks for nothing twice.

import * as api from "../api";

const KEPT = 12;
const MARGIN = 0.6; // of the visible window, on each side
const MOST_POINTS = 3000;
const PATIENCE_MS = 90;
const COARSER = 1.7; // what is there may be this much coarser than wished

interface Wish {
  face: number;
  units: number[];
  start: number;
  end: number;
  /** Width of the plot, in pixels of the page. */
  width: number;
}

interface Kept {
  key: string;
  lanes: api.Lanes;
  points: number;
}

export class LaneCache {
  private kept: Kept[] = [];
  private timer = 0;
  private asking: AbortController | null = null;
  private asked: string | null = null;
  /** How often the server was asked; for tests and the curious. */
  requests = 0;

  constructor(
    private readonly id: string,
    private readonly duration: number,
    private readonly fps: number,
    private readonly came: () => void,
    private readonly failed: (sentence: string) => void,
  ) {}

  /** The best that is there for a wish, at once; asks for better where that is needed. */
  get(wish: Wish): api.Lanes | null {
    const key = `${wish.face}:${wish.units.join(",")}`;
    const fits = this.kept.filter((one) => one.key === key);
    const step = Math.max((wish.end - wish.start) / Math.max(1, wish.width), 1 / this.fps);
    const covering = fits.filter(({ lanes }) => lanes.start <= wish.start + 1e-6 && lanes.end >= wish.end - 1e-6);
    const fine = covering.filter(({ lanes }) => lanes.step <= step * COARSER);
    const best = fine.length ? coarsest(fine) : covering.length ? finest(covering) : (fits.at(-1) ?? null);
    if (!fine.length) this.ask(wish, key);
    else window.clearTimeout(this.timer);
    return best?.lanes ?? null;
  }

  clear(): void {
    this.asking?.abort();
    window.clearTimeout(this.timer);
    this.kept = [];
  }

  private ask(wish: Wish, key: string): void {
    window.clearTimeout(this.timer);
    const first = !this.kept.some((one) => one.key === key);
    this.timer = window.setTimeout(() => void this.fetch(wish, key), first ? 0 : PATIENCE_MS);
  }

  private async fetch({ face, units, start, end, width }: Wish, key: string): Promise<void> {
    const more = (end - start) * MARGIN;
    const [from, to] = [Math.max(0, start - more), Math.min(this.duration, end + more)];
    const points = Math.min(MOST_POINTS, Math.ceil((width * (to - from)) / (end - start)));
    const name = `${key}:${from}:${to}:${points}`;
    if (this.asked === name) return; // on its way, or has failed
    this.asked = name;
    this.asking?.abort();
    this.asking = new AbortController();
    try {
      this.requests += 1;
      const lanes = await api.lanes(this.id, { face, units, start: from, end: to, points }, this.asking.signal);
      this.kept.push({ key, lanes: { ...lanes, start: from, end: to }, points });
      if (this.kept.length > KEPT) this.kept.shift();
      this.failed("");
      this.came();
    } catch (error) {
      if ((error as Error).name !== "AbortError") this.failed((error as Error).message);
    } finally {
      if (this.asked === name) this.asked = null;
    }
  }
}

const coarsest = (all: Kept[]): Kept => all.reduce((a, b) => (b.lanes.step > a.lanes.step ? b : a));
const finest = (all: Kept[]): Kept => all.reduce((a, b) => (b.lanes.step < a.lanes.step ? b : a));

/** Index of the last time at or before `time`, -1 where there is none. */
export function indexAt(times: ArrayLike<number>, time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Index of the time nearest to `time`, -1 where there are none. */
export function nearest(times: ArrayLike<number>, time: number): number {
  const before = indexAt(times, time);
  if (before < 0) return times.length ? 0 : -1;
  if (before + 1 < times.length && times[before + 1]! - time < time - times[before]!) return before + 1;
  return before;
}
