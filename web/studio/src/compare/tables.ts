// From what the server says about two recordings to what is shown.

import type { Row } from "../api";

export interface Measure {
  unit: number;
  measure: string;
  value: number | null;
  low?: number | null;
  high?: number | null;
  count: number;
}

export interface Stretch {
  unit: number;
  start: number;
  end: number;
  said_by: "first" | "second";
}

/** What most people look for; the rest is shown when it is asked for. */
const MAIN = [
  "share present, first", "share present, second", "percent agreement", "Cohen's kappa", "F1", "ICC(3,1)",
  "Bland-Altman bias, second minus first", "event F1, overlap",
];

/** The names that are shown at first: the main ones among them, or all where none is known. */
export function mainNames(names: readonly string[]): string[] {
  const main = names.filter((name) => MAIN.includes(name));
  return main.length ? main : [...names];
}

/** Numbers of frames and events are whole and shown so; others have two digits. */
export function shownValue(measure: string, value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const counted = /^(frames|events)\b/.test(measure);
  return counted ? String(value) : measure.startsWith("percent") ? `${value.toFixed(0)} %` : value.toFixed(2).replace(/^-(0\.00)$/, "$1");
}

export interface MeasureLine {
  unit: number;
  cells: Map<string, Measure>;
}

/** Names of the measures in the order in which they came, and one line per unit. */
export function tabled(measures: readonly Measure[]): { names: string[]; lines: MeasureLine[] } {
  const names = [...new Set(measures.map((one) => one.measure))];
  const lines = new Map<number, MeasureLine>();
  for (const one of measures) {
    if (!lines.has(one.unit)) lines.set(one.unit, { unit: one.unit, cells: new Map() });
    lines.get(one.unit)!.cells.set(one.measure, one);
  }
  return { names, lines: [...lines.values()].sort((a, b) => a.unit - b.unit) };
}

/** The longest stretches first. */
export const byLength = (stretches: readonly Stretch[]): Stretch[] => [...stretches].sort((a, b) => b.end - b.start - (a.end - a.start));

/** Mean distance of two lanes where both are known, null where they never are. */
export function distance(difference: Row): number | null {
  const known = difference.filter((value): value is number => value !== null);
  return known.length ? known.reduce((sum, value) => sum + Math.abs(value), 0) / known.length : null;
}

/** Units with the largest mean difference first; those without any common time last. */
export function byDistance(units: Record<string, { difference: Row }>): { unit: number; distance: number | null }[] {
  return Object.entries(units)
    .map(([unit, { difference }]) => ({ unit: Number(unit), distance: distance(difference) }))
    .sort((a, b) => (b.distance ?? -1) - (a.distance ?? -1) || a.unit - b.unit);
}
