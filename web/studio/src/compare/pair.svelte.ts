// Two videos on one clock. Its time is the first recording's; `offset` is what must be added to the second's.

const FAR = 0.12; // seconds apart before the second is moved while both play
const END = 0.04;

export interface Half {
  /** Time of the table at which the file begins to play. */
  start: number;
  duration: number;
}

export class Pair {
  time = $state(0);
  playing = $state(false);
  offset = $state(0);
  readonly videos: [HTMLVideoElement | null, HTMLVideoElement | null] = [null, null];
  #halves: [Half, Half] = [{ start: 0, duration: 0 }, { start: 0, duration: 0 }];
  #frame = 0;
  #last = 0;

  setHalves(first: Half, second: Half): void {
    this.#halves = [first, second];
    this.seek(this.time);
  }

  /** Where the common clock begins and ends: while either recording shows something. */
  get start(): number {
    return Math.min(0, this.offset);
  }

  get end(): number {
    return Math.max(this.#halves[0].duration, this.#halves[1].duration + this.offset);
  }

  /** Time of one recording's table at the common time; null before it begins or after its end. */
  timeOf(place: 0 | 1, time = this.time): number | null {
    const own = place ? time - this.offset : time;
    return own < -1e-6 || own > this.#halves[place].duration + 1e-6 ? null : own;
  }

  seek(time: number): void {
    this.time = Math.min(Math.max(time, this.start), Math.max(this.start, this.end - END));
    this.#aim(0, 0);
    this.#aim(1, 0);
  }

  shift(offset: number): void {
    this.offset = offset;
    this.seek(this.time);
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  play(): void {
    if (this.time >= this.end - 2 * END) this.seek(this.start);
    this.playing = true;
    this.#last = performance.now();
    this.#frame = requestAnimationFrame((now) => this.#tick(now));
  }

  pause(): void {
    this.playing = false;
    cancelAnimationFrame(this.#frame);
    this.videos.forEach((video) => video?.pause());
    this.seek(this.time);
  }

  #tick(now: number): void {
    if (!this.playing) return;
    this.time = this.#clock(now);
    this.#last = now;
    if (this.time >= this.end - END) return this.pause();
    this.#follow(0);
    this.#follow(1);
    this.#frame = requestAnimationFrame((next) => this.#tick(next));
  }

  /** The first video's own time while it plays, so that it never jumps; the second's, then the page's clock, where it does not. */
  #clock(now: number): number {
    const [first, second] = this.videos;
    if (first && !first.paused && !first.seeking && first.readyState > 2) return first.currentTime + this.#halves[0].start;
    if (this.timeOf(0) === null && second && !second.paused && !second.seeking && second.readyState > 2)
      return second.currentTime + this.#halves[1].start + this.offset;
    // While a video that should be seen is still being looked for, time stands still.
    if (this.videos.some((video, place) => video?.seeking && this.timeOf(place as 0 | 1) !== null)) return this.time;
    return this.time + (now - this.#last) / 1000;
  }

  #follow(place: 0 | 1): void {
    const video = this.videos[place];
    if (!video) return;
    if (this.timeOf(place) === null) return void (video.paused || video.pause());
    if (video.paused) {
      this.#aim(place, FAR);
      void video.play().catch(() => {});
    } else if (place === 1) this.#aim(place, FAR);
  }

  /** Moves a video that is further than `tolerance` seconds from where it should be. */
  #aim(place: 0 | 1, tolerance: number): void {
    const video = this.videos[place];
    const own = this.timeOf(place);
    if (!video || own === null || video.seeking) return;
    const wanted = Math.max(0, own - this.#halves[place].start) + 0.001;
    if (Math.abs(video.currentTime - wanted) > Math.max(tolerance, 0.002)) video.currentTime = wanted;
  }

  /** A video has arrived where it was sent; the clock may be elsewhere by now. */
  arrived(place: 0 | 1): void {
    if (!this.playing) this.#aim(place, 0);
  }

  /** The page is left. */
  close(): void {
    this.playing = false;
    cancelAnimationFrame(this.#frame);
  }
}
