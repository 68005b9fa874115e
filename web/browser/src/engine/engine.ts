// The worker as seen from the page: promises for messages.
import type { ScoredFace } from "../../../shared/pipeline/analyser";
import type { Facts } from "../../../shared/pipeline/facts";
import type { Asked, Told } from "./messages";

export interface Scores {
  faces: ScoredFace[];
  width: number;
  height: number;
  milliseconds: number;
}

export interface Ready {
  facts: Facts;
  threads: number;
  verified: boolean;
}

interface Waiting {
  resolve: (scores: Scores) => void;
  reject: (error: Error) => void;
}

export class Engine {
  private readonly worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;

  /** Loads everything; `progress` is told bytes of how many. */
  start(progress: (loaded: number, total: number) => void): Promise<Ready> {
    return new Promise((resolve, reject) => {
      this.worker.addEventListener("error", (event) => {
        const error = new Error(event.message || "the page's worker cannot be loaded; reload the page");
        reject(error);
        this.fail(error);
      });
      this.worker.addEventListener("message", ({ data }: MessageEvent<Told>) => {
        if (data.kind === "loading") progress(data.loaded, data.total);
        else if (data.kind === "ready") resolve(data);
        else if (data.kind === "scores") this.settle(data.id, (one) => one.resolve(data));
        else if (data.id === null) reject(new Error(data.message));
        else this.settle(data.id, (one) => one.reject(new Error(data.message)));
      });
      this.tell({ kind: "start", base: document.baseURI });
    });
  }

  /** The faces of a single picture; the bitmap is handed over. */
  picture(bitmap: ImageBitmap): Promise<Scores> {
    return this.ask((id) => this.tell({ kind: "picture", id, bitmap }, [bitmap]));
  }

  /** The faces of the next frame of a video, `time` in seconds. */
  frame(bitmap: ImageBitmap, time: number): Promise<Scores> {
    return this.ask((id) => this.tell({ kind: "frame", id, bitmap, time }, [bitmap]));
  }

  /** Another video follows. */
  reset(): void {
    this.tell({ kind: "reset" });
  }

  private ask(send: (id: number) => void): Promise<Scores> {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      send(id);
    });
  }

  private tell(message: Asked, handedOver: Transferable[] = []): void {
    this.worker.postMessage(message, handedOver);
  }

  private settle(id: number, how: (one: Waiting) => void): void {
    const one = this.waiting.get(id);
    this.waiting.delete(id);
    if (one) how(one);
  }

  private fail(error: Error): void {
    for (const id of [...this.waiting.keys()]) this.settle(id, (one) => one.reject(error));
  }
}
