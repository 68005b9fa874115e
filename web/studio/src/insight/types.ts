// What the pieces around a recording are given.

/** One unit at one moment: the whole face, and its sides where the unit has two. Intensity 0-5, or probability 0-1. */
export interface UnitValue {
  value: number | null;
  left: number | null;
  right: number | null;
}

/** Unit number -> its values at the moment shown. */
export type Values = Record<number, UnitValue>;
