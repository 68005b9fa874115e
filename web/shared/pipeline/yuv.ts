// Frames of a video as its decoder gives them, brightness and two tints, made into RGB: to the last bit what ffmpeg's libswscale makes of
// them on x86, from which Python has its frames. Browsers round more carefully, which on average is one level brighter.

export interface Planes {
  width: number;
  height: number;
  /** Brightness, then the two tints of half the width and height. */
  data: Uint8Array;
  offsets: readonly [number, number, number];
  strides: readonly [number, number, number];
}

/** Shares, in units of 1/8192, of red in V, green in U and V, blue in U. */
type Shares = readonly [number, number, number, number];

const SHARES: Record<string, Shares> = {
  smpte170m: [13075, -3209, -6660, 16525],
  bt470bg: [13075, -3209, -6660, 16525],
  bt709: [14686, -1747, -4366, 17305],
};
const LIMITED = { black: 16, gain: 9539 }, FULL = { black: 0, gain: 8192 };
const FULL_SHARE = 224 / 255;

/** Whether frames with this matrix can be converted here. */
export function knowsMatrix(matrix: string | null): matrix is string {
  return matrix !== null && matrix in SHARES;
}

/** RGBA bytes. `full`: brightness uses all values from 0 to 255. */
export function rgbaOf(planes: Planes, matrix: string, full: boolean): Uint8ClampedArray<ArrayBuffer> {
  const { width, height, data, offsets, strides } = planes;
  const { black, gain } = full ? FULL : LIMITED;
  const [redV, greenU, greenV, blueU] = SHARES[matrix]!.map((share) => (full ? Math.round(share * FULL_SHARE) : share)) as unknown as Shares;
  const out = new Uint8ClampedArray(width * height * 4);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = offsets[0] + y * strides[0], u = offsets[1] + (y >> 1) * strides[1], v = offsets[2] + (y >> 1) * strides[2];
    for (let x = 0; x < width; x++, to += 4) {
      const light = (((data[row + x]! - black) << 3) * gain) >> 16;
      const first = (data[u + (x >> 1)]! - 128) << 3, second = (data[v + (x >> 1)]! - 128) << 3;
      out[to] = light + ((second * redV) >> 16);
      out[to + 1] = light + ((first * greenU) >> 16) + ((second * greenV) >> 16);
      out[to + 2] = light + ((first * blueU) >> 16);
      out[to + 3] = 255;
    }
  }
  return out;
}
