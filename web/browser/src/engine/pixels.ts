// The pixels of what is to be looked at, a bitmap or a decoded frame of a video.
import type { Picture } from "../../../shared/pipeline/picture";
import { knowsMatrix, rgbaOf } from "../../../shared/pipeline/yuv";

const STANDARD = [null, "bt709", "smpte170m", "iec61966-2-1"]; // brightness of ordinary displays

let canvas: OffscreenCanvas | null = null;

/** Takes the image over and closes it. */
export async function pixelsOf(image: ImageBitmap | VideoFrame): Promise<Picture> {
  try {
    return (image instanceof ImageBitmap ? null : await converted(image)) ?? drawn(image);
  } finally {
    image.close();
  }
}

/** A frame converted as Python does; null for frames of rarer kinds, which the browser converts. */
async function converted(frame: VideoFrame): Promise<Picture | null> {
  const { matrix, fullRange, transfer } = frame.colorSpace;
  const [width, height] = [frame.visibleRect?.width ?? 0, frame.visibleRect?.height ?? 0];
  const square = width === frame.displayWidth && height === frame.displayHeight;
  if (frame.format !== "I420" || !square || !knowsMatrix(matrix) || !STANDARD.includes(transfer)) return null;
  const data = new Uint8Array(frame.allocationSize());
  const [light, first, second] = await frame.copyTo(data);
  if (!light || !first || !second) return null;
  const offsets = [light.offset, first.offset, second.offset] as const, strides = [light.stride, first.stride, second.stride] as const;
  return { width, height, data: rgbaOf({ width, height, data, offsets, strides }, matrix, fullRange === true) };
}

/** By the browser; what is transparent is placed on white. */
function drawn(image: ImageBitmap | VideoFrame): Picture {
  const [width, height] = image instanceof ImageBitmap ? [image.width, image.height] : [image.displayWidth, image.displayHeight];
  if (!canvas || canvas.width !== width || canvas.height !== height) canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (!context) throw new Error("this browser does not give the pixels of pictures");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height);
}
