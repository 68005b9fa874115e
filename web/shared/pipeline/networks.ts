// The networks as functions from bytes to numbers; who runs them is not said here.

/** Runs a graph on RGB bytes (batch, height, width, 3). */
export type RunGraph = (pixels: Uint8Array, shape: readonly [number, number, number, number]) => Promise<Record<string, Float32Array>>;

export interface Graphs {
  detector: RunGraph;
  landmarks: RunGraph;
  action_units: RunGraph;
  face_check: RunGraph;
}
