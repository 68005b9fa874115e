// Whether this browser can run the networks at all.

/** A module of one function that uses a 128-bit vector: valid only where WebAssembly has them. */
const VECTORS = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
);

/** A sentence on what is missing; null where nothing is. */
export function missingAbility(): string | null {
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(VECTORS)) {
    return "This browser has no WebAssembly with vectors (SIMD), which the networks need. Chrome and Edge from 91, Firefox from 89 and Safari from 16.4 have it.";
  }
  if (typeof OffscreenCanvas === "undefined" || typeof createImageBitmap === "undefined") {
    return "This browser cannot read pictures outside of the page (OffscreenCanvas). Chrome and Edge from 69, Firefox from 105 and Safari from 16.4 can.";
  }
  return null;
}
