// How quickly scores come back: median delay and answers per second over the last few seconds.

export class Meter {
  #answers: { at: number; delay: number }[] = [];

  /** @param span milliseconds that count. */
  constructor(private readonly span = 4000) {}

  /** An answer that arrived at `at` to a frame taken at `sent`, both in milliseconds of one clock. */
  add(sent: number, at: number): void {
    this.#answers.push({ at, delay: Math.max(0, at - sent) });
    this.#forget(at);
  }

  /** Median delay in milliseconds, null where nothing came lately. */
  delay(now: number): number | null {
    this.#forget(now);
    if (!this.#answers.length) return null;
    const sorted = this.#answers.map((one) => one.delay).sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  }

  /** Answers per second, null until two have come. */
  rate(now: number): number | null {
    this.#forget(now);
    const first = this.#answers[0];
    if (this.#answers.length < 2 || !first) return null;
    const last = this.#answers[this.#answers.length - 1]!;
    return last.at > first.at ? ((this.#answers.length - 1) * 1000) / (last.at - first.at) : null;
  }

  clear(): void {
    this.#answers = [];
  }

  #forget(now: number): void {
    const kept = this.#answers.findIndex((one) => one.at >= now - this.span);
    this.#answers = kept < 0 ? [] : kept ? this.#answers.slice(kept) : this.#answers;
  }
}
