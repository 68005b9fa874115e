// Faces drawn over a picture: outlines of the 68 points, and the number of each face.
import { onTheBrows } from "../../../shared/brows";
import type { ScoredFace } from "../../../shared/pipeline/score";
import { colour } from "../../../shared/theme";

const FACE_COLOURS = 6;
/** First and last point of each line, and whether it is closed. */
const LINES: readonly (readonly [number, number, boolean])[] = [
  [0, 16, false], [17, 21, false], [22, 26, false], [27, 30, false], [31, 35, false], [36, 41, true], [42, 47, true], [48, 59, true], [60, 67, true],
];

export function faceColour(id: number): string {
  return colour(`--face-${id % FACE_COLOURS}`);
}

/** Draws on a canvas that covers a picture of `width` x `height` pixels. */
export function drawFaces(canvas: HTMLCanvasElement, faces: readonly ScoredFace[], width: number, height: number, chosen: number): void {
  const { clientWidth, clientHeight } = canvas;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(clientWidth * ratio);
  canvas.height = Math.round(clientHeight * ratio);
  const context = canvas.getContext("2d");
  if (!context || !width || !height) return;
  const scale = canvas.width / width;
  for (const face of faces) drawFace(context, face, scale, ratio, face.id === chosen && faces.length > 1);
}

function drawFace(context: CanvasRenderingContext2D, face: ScoredFace, scale: number, ratio: number, chosen: boolean): void {
  const points = onTheBrows(face.points);
  const x = (row: number) => (points[2 * row]! + 0.5) * scale, y = (row: number) => (points[2 * row + 1]! + 0.5) * scale;
  for (const [width, style] of [[3.4, "rgb(0 0 0 / 55%)"], [1.5, "#fff"]] as const) {
    context.lineWidth = width * ratio * (chosen ? 1.25 : 1);
    context.strokeStyle = style === "#fff" ? faceColour(face.id) : style;
    context.lineJoin = context.lineCap = "round";
    context.beginPath();
    for (const [first, last, closed] of LINES) {
      context.moveTo(x(first), y(first));
      for (let row = first + 1; row <= last; row++) context.lineTo(x(row), y(row));
      if (closed) context.closePath();
    }
    context.stroke();
  }
  label(context, face, scale, ratio, chosen);
}

function label(context: CanvasRenderingContext2D, face: ScoredFace, scale: number, ratio: number, chosen: boolean): void {
  const text = String(face.id), size = 13 * ratio, side = size * 1.55;
  const left = Math.max(face.box[0] * scale, 0), top = Math.max(face.box[1] * scale - side - 3 * ratio, 0);
  context.fillStyle = faceColour(face.id);
  context.fillRect(left, top, side, side);
  if (chosen) {
    context.lineWidth = 2 * ratio;
    context.strokeStyle = "#fff";
    context.strokeRect(left, top, side, side);
  }
  context.fillStyle = "#fff";
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, left + side / 2, top + side / 2 + ratio * 0.5);
}
