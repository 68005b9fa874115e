// When the next picture may go to the server: some are under way, and answered in their order.

/** After this long without an answer a picture counts as lost, and the next is sent all the same. */
const PATIENCE = 5000;
/** Milliseconds that a picture needs to be taken, and that cameras need for the next one. */
const AHEAD = 45;

export class Pace {
  #underWay: { taken: number; sent: number }[] = [];
  #usual = 0;

  /** @param most pictures that may be under way. */
  constructor(private readonly most = 1) {}

  free(now: number): boolean {
    return this.#waiting(now).length < this.most;
  }

  /** Whether there is room now, or will be when a picture that is taken now is ready. */
  soonFree(now: number): boolean {
    const waiting = this.#waiting(now);
    return waiting.length < this.most || now - waiting[0]!.sent > this.#usual - AHEAD;
  }

  sent(taken: number, now: number): void {
    this.#underWay.push({ taken, sent: now });
  }

  /** Answers come in order: whatever was sent before is not answered any more. `taken` null is about the oldest. */
  answered(taken: number | null, now: number): void {
    const place = taken === null ? 0 : this.#underWay.findIndex((one) => one.taken === taken);
    const answered = this.#underWay[place];
    if (!answered) return; // given up before
    this.#usual += (now - answered.sent - this.#usual) / 8;
    this.#underWay.splice(0, place + 1);
  }

  #waiting(now: number): { taken: number; sent: number }[] {
    while (this.#underWay[0] && now - this.#underWay[0].sent >= PATIENCE) this.#underWay.shift();
    return this.#underWay;
  }
}
