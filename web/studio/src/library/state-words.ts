// What a recording's state is called, and what its progress says.

import type { Recording, State } from "../api";
import { count, span } from "../state/format";

export const STATES: Record<State, { word: string; tone: "" | "good" | "warn" | "bad" | "busy" }> = {
  waiting: { word: "waiting", tone: "" },
  running: { word: "being analysed", tone: "busy" },
  done: { word: "ready", tone: "good" },
  failed: { word: "failed", tone: "bad" },
  cancelled: { word: "cancelled", tone: "warn" },
  interrupted: { word: "broken off", tone: "warn" },
};

export const busy = (one: Recording): boolean => one.state === "waiting" || one.state === "running";
export const repeatable = (one: Recording): boolean => one.state === "failed" || one.state === "cancelled" || one.state === "interrupted";

/** 0..1, null where the length is not known or the work has not begun. */
export function part({ state, progress: { frames, total } }: Recording): number | null {
  return state === "running" && total && frames ? Math.min(1, frames / total) : null;
}

/** "123 of 400 frames, 31 a second, 9 s left". */
export function progressWords({ state, kind, progress: { frames, total, fps, seconds_left } }: Recording): string {
  if (state === "waiting") return "Waits for its turn.";
  if (kind === "picture") return "Looks for faces.";
  if (!frames) return "The model is being loaded.";
  const words = [total ? `${frames.toLocaleString()} of ${count(total, "frame")}` : count(frames, "frame")];
  if (fps) words.push(`${fps < 10 ? fps.toFixed(1) : Math.round(fps)} a second`);
  if (seconds_left !== null && seconds_left !== undefined) words.push(`${span(Math.max(1, Math.round(seconds_left)))} left`);
  return words.join(" · ");
}
