// When the next picture may go to the server: some are under way, and every one is answered, in their order.

/** Milliseconds that a picture needs to be taken, and that cameras need for the next one. */
const AHEAD = 45;

export class Pace {
  #underWay: { taken: number; sent: number }[] = [];
  #usual = 0;

  /** @param most pictures that may be under way. */
  constructor(private readonly most = 1) {}

  get free(): boolean {
    return this.#underWay.length < this.most;
  }

  /** Whether there is room now, or will be when a picture that is taken now is ready. */
  soonFree(now: number): boolean {
    return this.free || now - this.#underWay[0]!.sent > this.#usual - AHEAD;
  }

  sent(taken: number, now: number): void {
    this.#underWay.push({ taken, sent: now });
  }

  /** An answer to the picture of this time; null: to the oldest. What was sent before it is answered no more. */
  answered(taken: number | null, now: number): void {
    const place = taken === null ? 0 : this.#underWay.findIndex((one) => one.taken === taken);
    const answered = this.#underWay[place];
    if (!answered) return;
    this.#usual += (now - answered.sent - this.#usual) / 8;
    this.#underWay.splice(0, place + 1);
  }
}
