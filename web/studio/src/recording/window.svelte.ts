// The stretch of time that the lanes show, from the whole recording down to a few frames.

const FEWEST_FRAMES = 6;

export class TimeWindow {
  start = $state(0);
  end = $state(1);

  constructor(
    readonly duration: number,
    private readonly fps: number,
  ) {
    this.end = duration;
  }

  get span(): number {
    return this.end - this.start;
  }

  get all(): boolean {
    return this.span >= this.duration * 0.9999;
  }

  set(start: number, end: number): void {
    const span = Math.min(this.duration, Math.max(end - start, Math.min(this.duration, FEWEST_FRAMES / this.fps)));
    const first = Math.min(Math.max(0, start), this.duration - span);
    this.start = first;
    this.end = first + span;
  }

  /** Shows `factor` times as much time; `around` stays where it is. */
  zoom(factor: number, around: number): void {
    const span = Math.min(this.duration, Math.max(this.span * factor, Math.min(this.duration, FEWEST_FRAMES / this.fps)));
    const part = (around - this.start) / this.span;
    this.set(around - part * span, around - part * span + span);
  }

  pan(seconds: number): void {
    this.set(this.start + seconds, this.end + seconds);
  }

  fit(): void {
    this.set(0, this.duration);
  }

  /** Turns the page when `time` is outside. */
  follow(time: number): void {
    if (time >= this.start && time <= this.end) return;
    const first = time - this.span * (time > this.end ? 0.08 : 0.5);
    this.set(first, first + this.span);
  }

  /** Brings a stretch into sight, with the scale as it is where it fits. */
  reveal(onset: number, offset: number): void {
    if (onset >= this.start && offset <= this.end) return;
    const span = Math.max(this.span, (offset - onset) * 1.5);
    const middle = (onset + offset) / 2;
    this.set(middle - span / 2, middle + span / 2);
  }
}
