// A picture file as a bitmap, the right way up.
const MOST_PIXELS = 60_000_000;

/** Null where the file is not a picture. */
export async function readPicture(file: Blob, name: string): Promise<ImageBitmap | null> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (bitmap && bitmap.width * bitmap.height > MOST_PIXELS) {
    bitmap.close();
    throw new Error(`${name} has more than ${MOST_PIXELS / 1e6} million pixels, too many for a browser. Make it smaller, or use aufait detect.`);
  }
  return bitmap;
}
