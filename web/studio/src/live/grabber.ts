// Takes pictures from a playing video, one at a time, and keeps only the newest that is not sent yet.

import { sentSize } from "./geometry";

export interface Picture {
  /** `performance.now()` when it was taken. */
  taken: number;
  bytes: ArrayBuffer;
  width: number;
  height: number;
}

const QUALITY = 0.85;

export class Grabber {
  /** Pictures that were not sent, because newer ones were there first. */
  dropped = 0;

  #newest: Picture | null = null;
  #encoding = false;
  #running = false;
  #canvas = document.createElement("canvas");
  #pen = this.#canvas.getContext("2d", { willReadFrequently: true, alpha: false })!;

  /**
   * @param wanted whether a picture taken now could be sent as the newest: others cost time that the scores need.
   * @param ready is told that a new picture can be taken.
   */
  constructor(
    private readonly video: HTMLVideoElement,
    private readonly wanted: () => boolean,
    private readonly ready: () => void,
  ) {}

  start(): void {
    this.#running = true;
    this.#next();
  }

  stop(): void {
    this.#running = false;
    this.#newest = null;
  }

  /** The newest picture, once. */
  take(): Picture | null {
    const picture = this.#newest;
    this.#newest = null;
    return picture;
  }

  #next(): void {
    if (!this.#running) return;
    if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(() => this.#frame());
    else requestAnimationFrame(() => this.#frame());
  }

  #frame(): void {
    if (!this.#running) return;
    this.#next();
    if (this.#encoding || !this.wanted()) this.dropped += 1;
    else void this.#grab(performance.now());
  }

  async #grab(taken: number): Promise<void> {
    const { videoWidth, videoHeight } = this.video;
    if (!videoWidth || !videoHeight) return;
    this.#encoding = true;
    const { width, height } = sentSize(videoWidth, videoHeight);
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    this.#pen.drawImage(this.video, 0, 0, width, height);
    const blob = await new Promise<Blob | null>((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", QUALITY));
    const bytes = await blob?.arrayBuffer();
    this.#encoding = false;
    if (!bytes || !this.#running) return;
    if (this.#newest) this.dropped += 1;
    this.#newest = { taken, bytes, width, height };
    this.ready();
  }
}
