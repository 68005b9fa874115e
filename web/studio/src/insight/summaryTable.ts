// From rows of one measure each to a table with a line per action unit.

import type { SummaryRow } from "../api";

export interface Cell {
  value: number | null;
  low: number | null;
  high: number | null;
}

export interface Column {
  key: string;
  title: string;
  explained: string;
  show: (value: number) => string;
  /** Whether a measure of the server belongs here; names of strengths begin with their kind. */
  is: (measure: string) => boolean;
}

const strength = (name: string) => (measure: string): boolean => new RegExp(`^(intensity|probability)_${name}$`).test(measure);
const fixed = (digits: number) => (value: number): string => value.toFixed(digits);

export const COLUMNS: Column[] = [
  { key: "rate", title: "Events a minute", explained: "how often the unit appeared, per minute in which the face was seen", show: fixed(1), is: (name) => name === "events_per_minute" },
  { key: "share", title: "Share of time", explained: "share of the time in which the face was seen and the unit was present", show: (value) => `${(100 * value).toFixed(1)} %`, is: (name) => name === "share_present" },
  { key: "mean", title: "Mean", explained: "mean over all time in which the face was seen", show: fixed(2), is: strength("mean") },
  { key: "peak", title: "Peak", explained: "the highest value", show: fixed(2), is: strength("peak") },
  { key: "length", title: "Median length", explained: "half of the unit's events were longer than this", show: (value) => `${value.toFixed(2)} s`, is: (name) => name === "event_median_duration" },
];

export interface Line {
  unit: number;
  cells: Record<string, Cell>;
}

/** One line per unit of a face, in the order of the units' numbers. */
export function linesOf(rows: readonly SummaryRow[], face: number): Line[] {
  const lines = new Map<number, Line>();
  for (const { face: owner, unit, measure, value, low, high } of rows) {
    const column = owner === face && unit ? COLUMNS.find((one) => one.is(measure)) : undefined;
    if (!column) continue;
    if (!lines.has(unit)) lines.set(unit, { unit, cells: {} });
    lines.get(unit)!.cells[column.key] = { value, low, high };
  }
  return [...lines.values()].sort((a, b) => a.unit - b.unit);
}

/** Sorted by a column ("unit": by number); what is not known comes last either way. */
export function sorted(lines: readonly Line[], key: string, down: boolean): Line[] {
  const value = (line: Line): number | null => (key === "unit" ? line.unit : (line.cells[key]?.value ?? null));
  return [...lines].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) return a === b ? one.unit - other.unit : a === null ? 1 : -1;
    return (down ? b - a : a - b) || one.unit - other.unit;
  });
}
