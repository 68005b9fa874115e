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
