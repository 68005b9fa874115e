// The frames of a video file in the order in which they are shown, each decoded once.
import { readTrack, type Sample, type Track } from "./mp4";

export interface Frame {
  /** Number in the file, from 1. */
  number: number;
  /** Seconds. */
  time: number;
  image: VideoFrame;
}

const AHEAD = 12; // frames between those handed to the decoder and those taken from it
const BLOCK = 4 * 1024 * 1024; // bytes that are read at a time

/**
 * Null where this browser cannot decode the file frame by frame.
 *
 * `player` shows the same file: of files that do not name their colours, players guess them by the size of the picture, as Python does,
 * and decoders do not.
 */
export async function openDecoded(file: Blob, player: HTMLVideoElement): Promise<DecodedVideo | null> {
  if (typeof VideoDecoder === "undefined") return null;
  const track = await readTrack(file);
  if (!track) return null;
  const shown = new VideoFrame(player);
  const config: VideoDecoderConfig = {
    codec: track.codec, description: track.description, codedWidth: track.width, codedHeight: track.height, colorSpace: shown.colorSpace.toJSON(),
  };
  shown.close();
  const { supported } = await VideoDecoder.isConfigSupported(config).catch(() => ({ supported: false }));
  return supported ? new DecodedVideo(file, track, config) : null;
}

export class DecodedVideo {
  readonly duration: number;
  readonly size: [number, number];
  private readonly times: number[];

  constructor(private readonly file: Blob, private readonly track: Track, private readonly config: VideoDecoderConfig) {
    this.times = track.samples.map((sample) => sample.time).filter((time) => time > -1e-6).sort((a, b) => a - b);
    const step = this.times.length > 1 ? this.times[1]! - this.times[0]! : 0;
    this.duration = (this.times[this.times.length - 1] ?? 0) + step;
    this.size = [track.width, track.height];
  }

  /** At most `rate` frames per second; those in between are decoded and left out. Whoever takes a frame closes it. */
  async *frames(rate: number): AsyncGenerator<Frame> {
    const queue = new FrameQueue();
    const decoder = new VideoDecoder({ output: (frame) => queue.add(frame), error: (error) => queue.fail(error) });
    decoder.addEventListener("dequeue", () => queue.changed());
    decoder.configure(this.config);
    this.feed(decoder, queue).then(() => queue.end(), (error: Error) => queue.fail(error));
    try {
      let next = 0;
      for (let number = 1, image = await queue.take(); image; image = await queue.take()) {
        const time = this.times[number - 1];
        if (image.timestamp < -1 || time === undefined) image.close(); // before the film begins
        else if (time + 1e-3 < next) {
          number++;
          image.close();
        } else {
          next = (Math.floor((time + 1e-3) * rate) + 1) / rate;
          yield { number: number++, time, image };
        }
      }
    } finally {
      queue.stop();
      if (decoder.state !== "closed") decoder.close();
    }
  }

  /** Hands all samples to the decoder, never many more than are taken from it. */
  private async feed(decoder: VideoDecoder, queue: FrameQueue): Promise<void> {
    const read = this.reader();
    for (const sample of this.track.samples) {
      while (!queue.stopped && queue.length + decoder.decodeQueueSize >= AHEAD) await queue.change();
      if (queue.stopped) return;
      decoder.decode(chunk(sample, await read(sample)));
    }
    await decoder.flush();
  }

  /** Bytes of samples, read from the file in larger blocks. */
  private reader(): (sample: Sample) => Promise<Uint8Array> {
    let start = 0, block: Uint8Array = new Uint8Array(0);
    return async ({ offset, size }) => {
      if (offset < start || offset + size > start + block.length) {
        start = offset;
        block = new Uint8Array(await this.file.slice(offset, offset + Math.max(size, BLOCK)).arrayBuffer());
      }
      return block.subarray(offset - start, offset - start + size);
    };
  }
}

function chunk(sample: Sample, data: Uint8Array): EncodedVideoChunk {
  return new EncodedVideoChunk({
    type: sample.key ? "key" : "delta", timestamp: Math.round(sample.time * 1e6), data: data as Uint8Array<ArrayBuffer>,
  });
}

/** Decoded frames that wait to be taken. */
class FrameQueue {
  stopped = false;
  private readonly frames: VideoFrame[] = [];
  private ended = false;
  private fault: Error | null = null;
  private wake: (() => void)[] = [];

  get length(): number {
    return this.frames.length;
  }

  add(frame: VideoFrame): void {
    if (this.stopped) frame.close();
    else this.frames.push(frame);
    this.changed();
  }

  fail(error: Error): void {
    this.fault ??= new Error(`The video cannot be decoded (${error.message}). aufait detect reads more kinds of video.`);
    this.changed();
  }

  end(): void {
    this.ended = true;
    this.changed();
  }

  /** Nobody takes frames any more. */
  stop(): void {
    this.stopped = true;
    for (const frame of this.frames.splice(0)) frame.close();
    this.changed();
  }

  /** The next frame; null after the last. */
  async take(): Promise<VideoFrame | null> {
    while (!this.frames.length) {
      if (this.fault) throw this.fault;
      if (this.ended || this.stopped) return null;
      await this.change();
    }
    this.changed();
    return this.frames.shift()!;
  }

  /** Until something has come, gone or ended. */
  change(): Promise<void> {
    return new Promise((resolve) => this.wake.push(resolve));
  }

  changed(): void {
    for (const wake of this.wake.splice(0)) wake();
  }
}
