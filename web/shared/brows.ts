// Brow points for drawing: both finders place them above the hair of the brow; on a picture they should lie on it.

/** From points 17 to 21 to the middle of the brow: shares of the way from point 36 to 45, and of that from 27 to 33. As in Python. */
const TO_BROW = [[0.013, 0.087], [-0.013, 0.143], [-0.038, 0.15], [-0.06, 0.168], [-0.029, 0.158]] as const;

/** The 68 points as x, y, x, y, ... with those of the brows moved onto the brows; a copy. Scores and tables keep the others. */
export function onTheBrows<T extends number | null>(points: ArrayLike<T>): T[] {
  const moved = Array.from(points);
  const way = (from: number, to: number): [number, number] => [
    (points[2 * to] as number) - (points[2 * from] as number), (points[2 * to + 1] as number) - (points[2 * from + 1] as number),
  ];
  if (points.length < 136 || moved.some((value) => value === null)) return moved;
  const [across, down] = [way(36, 45), way(27, 33)];
  TO_BROW.forEach(([along, below], place) => {
    for (const [point, sign] of [[17 + place, 1], [26 - place, -1]] as const) {
      for (const axis of [0, 1] as const) {
        moved[2 * point + axis] = ((moved[2 * point + axis] as number) + sign * along * across[axis] + below * down[axis]) as T;
      }
    }
  });
  return moved;
}
