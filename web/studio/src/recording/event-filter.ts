// Which events are listed and drawn.

import type { FaceEvent, Status } from "../api";

export interface EventFilter {
  unit: number | null;
  status: Status | "all";
  /** Also those of one side of the face. */
  sides: boolean;
}

export const passes = (filter: EventFilter, event: FaceEvent): boolean =>
  (filter.unit === null || event.unit === filter.unit) &&
  (filter.status === "all" || event.status === filter.status) &&
  (filter.sides || event.side === null || event.status === "added");
