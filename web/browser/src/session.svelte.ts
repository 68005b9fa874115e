// What is open, what was found in it, and the work of finding it.
import type { Answer, Engine, Scores } from "./engine/engine";
import { closeCamera, openCamera } from "./media/camera";
import { readPicture } from "./media/picture";
import { openDecoded } from "./media/decoded";
import { openVideo, stepped, unreadable } from "./media/video";
import { csv, type Moment } from "./records";

export type Kind = "picture" | "video" | "camera";

const IN_FLIGHT = 2; // one frame in each worker
const MOST_MOMENTS = 200_000;

export class Session {
  kind = $state<Kind | null>(null);
  name = $state("");
  /** Address of the file, for the page to show. */
  url = $state<string | null>(null);
  stream = $state.raw<MediaStream | null>(null);
  size = $state<[number, number]>([0, 0]);
  duration = $state(0);
  running = $state(false);
  /** Frames per second of the analysis. */
  speed = $state(0);
  problem = $state<string | null>(null);
  /** Counts the moments; those who draw them look at it, as the list itself is too long to be watched. */
  count = $state(0);
  newest = $state.raw<Moment | null>(null);
  /** Numbers of all faces so far, in order. */
  faces = $state.raw<number[]>([]);
  /** Number of the face that is looked at. */
  face = $state(0);

  readonly moments: Moment[] = [];
  private work = 0;
  private begun = 0;

  constructor(private readonly engine: Engine) {}

  /** A picture or a video from a file; `rate` frames of a video are looked at each second. */
  async open(file: File, rate: number): Promise<void> {
    const work = this.clear();
    try {
      const bitmap = await readPicture(file, file.name);
      if (work !== this.work) return;
      this.name = file.name;
      this.url = URL.createObjectURL(file);
      if (bitmap) await this.readOnce(bitmap, work);
      else await this.readVideo(file, rate, work);
    } catch (error) {
      this.fail(error, work);
    }
  }

  async openCamera(): Promise<void> {
    const work = this.clear();
    try {
      const stream = await openCamera();
      if (work !== this.work) return closeCamera(stream);
      this.name = "camera";
      this.stream = stream;
      this.kind = "camera";
      this.running = true;
      this.engine.reset();
    } catch (error) {
      this.fail(error, work);
    }
  }

  /** Follows the camera as the page shows it, until it is stopped. */
  async watch(video: HTMLVideoElement): Promise<void> {
    const work = this.work, start = (this.begun = performance.now());
    const pending: Promise<void>[] = [];
    try {
      for (let frame = 1; this.running && work === this.work; frame++) {
        await nextFrame(video);
        if (work !== this.work || !video.videoWidth) continue;
        this.size = [video.videoWidth, video.videoHeight];
        const time = (performance.now() - start) / 1000;
        await this.follow(await createImageBitmap(video), frame, time, work, pending).taken;
        while (pending.length >= IN_FLIGHT) await pending.shift();
      }
    } catch (error) {
      this.fail(error, work);
    }
  }

  /** Ends the work; what was found stays. */
  stop(): void {
    this.work++;
    this.running = false;
    closeCamera(this.stream);
    this.stream = null;
  }

  /** The table of everything that was found. */
  table(): string {
    const [width, height] = this.size;
    return csv(this.moments, { name: this.name, kind: this.kind === "picture" ? "image" : "video", width, height }, this.engine.facts);
  }

  private clear(): number {
    this.stop();
    if (this.url) URL.revokeObjectURL(this.url);
    this.moments.length = 0;
    this.count = 0;
    this.newest = null;
    this.url = this.kind = this.problem = null;
    this.face = this.speed = this.duration = 0;
    this.faces = [];
    this.begun = performance.now();
    return this.work;
  }

  private async readOnce(bitmap: ImageBitmap, work: number): Promise<void> {
    this.size = [bitmap.width, bitmap.height];
    this.kind = "picture";
    this.running = true;
    this.add(await this.engine.picture(bitmap).scores, 1, 0, work);
    if (work === this.work) this.running = false;
  }

  private async readVideo(file: File, rate: number, work: number): Promise<void> {
    const player = await openVideo(this.url!, this.name);
    const decoded = await openDecoded(file, player);
    if (work !== this.work) return;
    this.duration = decoded?.duration ?? player.duration;
    if (!(this.duration > 0)) throw new Error(unreadable(this.name));
    this.size = decoded?.size ?? [player.videoWidth, player.videoHeight];
    this.kind = "video";
    this.running = true;
    this.begun = performance.now();
    this.engine.reset();
    const pending: Promise<void>[] = [];
    for await (const { number, time, image } of decoded ? decoded.frames(rate) : stepped(player, rate)) {
      if (work !== this.work) {
        image.close();
        break;
      }
      this.follow(image, number, time, work, pending);
      while (pending.length >= IN_FLIGHT) await pending.shift(); // the next frame is read meanwhile
    }
    await Promise.all(pending);
    player.removeAttribute("src");
    if (work === this.work) this.running = false;
  }

  /** Hands a frame over; `pending` gets what ends when its scores are there. */
  private follow(bitmap: ImageBitmap | VideoFrame, frame: number, time: number, work: number, pending: Promise<void>[]): Answer {
    const answer = this.engine.frame(bitmap, time);
    const added = answer.scores.then((scores) => this.add(scores, frame, time, work));
    added.catch(() => {}); // told when it is waited for
    pending.push(added);
    return answer;
  }

  private add({ faces }: Scores, frame: number, time: number, work: number): void {
    if (work !== this.work) return;
    const moment: Moment = { frame, time, faces };
    if (this.moments.length >= MOST_MOMENTS) {
      this.problem = `After ${MOST_MOMENTS} frames the page is full; save the table and start again.`;
      this.stop();
      return;
    }
    this.moments.push(moment);
    this.count = this.moments.length;
    this.speed = (1000 * this.count) / (performance.now() - this.begun);
    this.newest = moment;
    const others = faces.map((face) => face.id).filter((id) => !this.faces.includes(id));
    if (others.length) this.faces = [...this.faces, ...others].sort((a, b) => a - b);
    if (this.count === 1 && faces.length) this.face = faces[0]!.id;
  }

  private fail(error: unknown, work: number): void {
    if (work !== this.work) return;
    this.stop();
    this.problem = error instanceof Error ? error.message : String(error);
  }
}

/** Until the camera has another picture. */
function nextFrame(video: HTMLVideoElement): Promise<void> {
  return new Promise((resolve) => {
    const patience = setTimeout(resolve, 1000); // a page out of sight gets no frames
    const done = () => {
      clearTimeout(patience);
      resolve();
    };
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(done);
    else requestAnimationFrame(done);
  });
}
