// The two workers as seen from the page: promises for messages.
import type { Facts } from "../../../shared/pipeline/facts";
import type { ScoredFace } from "../../../shared/pipeline/score";
import type { Asked, Role, Told } from "./messages";

export interface Scores {
  faces: ScoredFace[];
  width: number;
  height: number;
}

/** Answers to one picture: the finding worker is free for the next one; the scores. */
export interface Answer {
  taken: Promise<void>;
  scores: Promise<Scores>;
}

interface Waiting {
  taken: () => void;
  resolve: (scores: Scores) => void;
  reject: (error: Error) => void;
}

export class Engine {
  private readonly waiting = new Map<number, Waiting>();
  private finding: Worker | null = null;
  private next = 0;
  /** Of each worker. */
  threads = 1;
  /** Whether the networks' files have the digests that `models.json` states. */
  verified = true;

  private constructor(readonly facts: Facts) {}

  /** Loads everything; `progress` is told a share in [0, 1]. */
  static async load(progress: (share: number) => void): Promise<Engine> {
    const engine = new Engine(await readFacts());
    const total = Object.values(engine.facts.networks).reduce((sum, file) => sum + file.bytes, 0);
    let loaded = 0;
    const count = (bytes: number) => progress((loaded += bytes) / total);
    const { port1, port2 } = new MessageChannel();
    const [find] = await Promise.all([engine.open("find", port1, count), engine.open("score", port2, count)]);
    engine.finding = find;
    return engine;
  }

  /** The faces of a single picture; the bitmap is handed over. */
  picture(bitmap: ImageBitmap): Answer {
    return this.ask((id) => ({ kind: "picture", id, bitmap }), bitmap);
  }

  /** The faces of the next frame of a video, `time` in seconds. */
  frame(bitmap: ImageBitmap | VideoFrame, time: number): Answer {
    return this.ask((id) => ({ kind: "frame", id, bitmap, time }), bitmap);
  }

  /** Another video follows. */
  reset(): void {
    this.finding?.postMessage({ kind: "reset" } satisfies Asked);
  }

  private open(role: Role, port: MessagePort, count: (bytes: number) => void): Promise<Worker> {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: role });
    return new Promise((resolve, reject) => {
      worker.addEventListener("error", (event) => {
        const error = new Error(event.message || "the networks cannot be started; reload the page");
        reject(error);
        for (const id of [...this.waiting.keys()]) this.settle(id, (one) => one.reject(error));
      });
      worker.addEventListener("message", ({ data }: MessageEvent<Told>) => {
        if (data.kind === "loading") count(data.bytes);
        else if (data.kind === "ready") {
          this.threads = data.threads;
          this.verified &&= data.verified;
          resolve(worker);
        }
        else if (data.kind === "taken") this.waiting.get(data.id)?.taken();
        else if (data.kind === "scores") this.settle(data.id, (one) => one.resolve(data));
        else if (data.id === null) reject(new Error(data.message));
        else this.settle(data.id, (one) => one.reject(new Error(data.message)));
      });
      worker.postMessage({ kind: "start", role, base: document.baseURI, facts: this.facts, port } satisfies Asked, [port]);
    });
  }

  private ask(message: (id: number) => Asked, bitmap: ImageBitmap | VideoFrame): Answer {
    const id = this.next++;
    let taken: () => void = () => {};
    const free = new Promise<void>((resolve) => (taken = resolve));
    const scores = new Promise<Scores>((resolve, reject) => this.waiting.set(id, { taken, resolve, reject }));
    this.finding!.postMessage(message(id), [bitmap]);
    return { taken: Promise.race([free, scores.then(() => {}, () => {})]), scores };
  }

  private settle(id: number, how: (one: Waiting) => void): void {
    const one = this.waiting.get(id);
    this.waiting.delete(id);
    if (one) how(one);
  }
}

async function readFacts(): Promise<Facts> {
  const answer = await fetch(new URL("models.json", document.baseURI), { cache: "no-cache" });
  if (!answer.ok) throw new Error(`models.json cannot be read (${answer.status}); write the folder again with: aufait studio --static`);
  return (await answer.json()) as Facts;
}
