// Where a picture lies in a frame of another shape, and where its points are drawn.

export interface Placed {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The largest place of a picture inside a frame, in the middle, with the picture's own proportions and never enlarged past `most`. */
export function fitted(width: number, height: number, frameWidth: number, frameHeight: number, most = Infinity): Placed {
  const scale = Math.min(frameWidth / width, frameHeight / height, most);
  const size = { width: width * scale, height: height * scale };
  return { x: (frameWidth - size.width) / 2, y: (frameHeight - size.height) / 2, ...size };
}

/** The size of the frame that is sent: the picture's proportions, within 640 x 480, not enlarged, even numbers. */
export function sentSize(width: number, height: number, mostWidth = 640, mostHeight = 480): { width: number; height: number } {
  const placed = fitted(width, height, mostWidth, mostHeight, 1);
  const even = (value: number): number => Math.max(2, 2 * Math.round(value / 2));
  return { width: even(placed.width), height: even(placed.height) };
}

/** From pixels of the analysed frame to pixels of the stage; mirrored stages turn x round. */
export class Projection {
  constructor(
    private readonly frameWidth: number,
    private readonly frameHeight: number,
    private readonly place: Placed,
    private readonly mirrored: boolean,
  ) {}

  /** Pixels of the stage per pixel of the frame. */
  get scale(): number {
    return this.place.width / this.frameWidth;
  }

  x(x: number): number {
    const along = x / this.frameWidth;
    return this.place.x + this.place.width * (this.mirrored ? 1 - along : along);
  }

  y(y: number): number {
    return this.place.y + (this.place.height * y) / this.frameHeight;
  }

  /** [x0, y0, x1, y1] with x0 < x1 also where mirrored. */
  box([x0, y0, x1, y1]: readonly [number, number, number, number]): [number, number, number, number] {
    const [a, b] = [this.x(x0), this.x(x1)];
    return [Math.min(a, b), this.y(y0), Math.max(a, b), this.y(y1)];
  }
}
