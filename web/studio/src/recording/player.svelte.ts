// The video and its time. Times are those of the recording's table.

const NUDGE = 0.001; // containers round times; a millisecond later is surely in the frame

type Listener = (time: number) => void;

/** What is shown of a recording now; drives the overlay, the lanes and the diagram. */
export class Player {
  /** Where the playhead is: the frame shown, or the one being looked for while scrubbing. */
  time = $state(0);
  /** Time of the picture that can be seen. */
  shown = $state(0);
  playing = $state(false);
  rate = $state(1);
  problem = $state("");
  ready = $state(false);
  private video: HTMLVideoElement | null = null;
  private waiting: number | null = null;
  private heads = new Set<Listener>();
  private pictures = new Set<Listener>();
  private callback = 0;

  constructor(
    readonly duration: number,
    readonly fps: number,
    private readonly start: number,
    first: number,
  ) {
    this.time = this.shown = this.within(first);
  }

  /** Svelte attachment of the video element. */
  attach = (video: HTMLVideoElement): (() => void) => {
    this.video = video;
    const on = (name: string, act: () => void): void => video.addEventListener(name, act);
    on("loadedmetadata", () => {
      this.ready = true;
      if (this.time > 0) this.aim(this.time);
    });
    on("play", () => (this.playing = true));
    on("pause", () => (this.playing = false));
    on("ratechange", () => (this.rate = video.playbackRate));
    on("seeked", () => this.arrived());
    on("error", () => {
      this.problem = "The browser cannot play this file. Scores, lanes and events are there; the pictures come from the studio frame by frame.";
    });
    this.watch();
    return () => {
      if (this.callback) video.cancelVideoFrameCallback?.(this.callback);
      this.video = null;
    };
  };

  /** Calls with the playhead's time, at most once per drawn page frame. Returns what ends it. */
  onHead(listener: Listener): () => void {
    this.heads.add(listener);
    return () => this.heads.delete(listener);
  }

  /** Calls with the time of each picture when it is shown. */
  onPicture(listener: Listener): () => void {
    this.pictures.add(listener);
    return () => this.pictures.delete(listener);
  }

  toggle(): void {
    if (!this.video) return;
    if (this.playing) this.video.pause();
    else void this.video.play().catch(() => {});
  }

  pause(): void {
    this.video?.pause();
  }

  setRate(rate: number): void {
    if (this.video) this.video.playbackRate = rate;
  }

  /** Moves the playhead at once; pictures follow as fast as the browser finds them. */
  seek(time: number): void {
    this.time = this.within(time);
    this.heads.forEach((tell) => tell(this.time));
    if (!this.video || this.problem) this.show(this.time);
    else if (this.video.seeking) this.waiting = this.time;
    else this.aim(this.time);
  }

  step(frames: number): void {
    this.pause();
    this.seek((Math.round(this.time * this.fps) + frames) / this.fps);
  }

  private within(time: number): number {
    return Math.min(Math.max(0, time), Math.max(0, this.duration - 0.5 / this.fps));
  }

  private aim(time: number): void {
    this.video!.currentTime = Math.max(0, time - this.start) + NUDGE;
  }

  private arrived(): void {
    const next = this.waiting;
    this.waiting = null;
    if (next !== null && this.video) this.aim(next);
  }

  private show(time: number): void {
    this.shown = time;
    this.pictures.forEach((tell) => tell(time));
  }

  private watch(): void {
    const video = this.video;
    if (!video) return;
    const tell = (media: number): void => {
      const time = media + this.start;
      if (this.playing) {
        this.time = time;
        this.heads.forEach((head) => head(time));
      }
      this.show(time);
    };
    if ("requestVideoFrameCallback" in video) {
      this.callback = video.requestVideoFrameCallback((_, frame) => {
        tell(frame.mediaTime);
        this.watch();
      });
    } else {
      (video as HTMLVideoElement).addEventListener("timeupdate", () => tell((video as HTMLVideoElement).currentTime));
    }
  }
}
