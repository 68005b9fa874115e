// The list of recordings, kept up to date by the server's events: every open page shows the same.

import * as api from "../api";
import { connection } from "./connection.svelte";

const RETRY_MS = 1500;

class Recordings {
  list = $state.raw<api.Recording[]>([]);
  /** False until the list came for the first time. */
  loaded = $state(false);
  problem = $state("");
  /** The last recording whose events or markers changed, here or in another window. */
  corrected = $state.raw<{ id: string }>({ id: "" });
  private source: EventSource | null = null;
  private retry = 0;

  byId(id: string): api.Recording | undefined {
    return this.list.find((one) => one.id === id);
  }

  put(changed: api.Recording): void {
    const there = this.list.some((one) => one.id === changed.id);
    this.list = there ? this.list.map((one) => (one.id === changed.id ? changed : one)) : [changed, ...this.list];
  }

  drop(id: string): void {
    this.list = this.list.filter((one) => one.id !== id);
  }

  async load(): Promise<void> {
    try {
      this.list = await api.recordings();
      this.loaded = true;
      this.problem = "";
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }

  /** Listens while the page is seen; hidden pages would use up the browser's few connections to one server. */
  start(): void {
    this.listen();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stop() : this.listen()));
  }

  private stop(): void {
    window.clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
  }

  private listen(): void {
    this.stop();
    void this.load();
    this.source = api.updates({
      recording: (changed) => this.put(changed),
      gone: (id) => this.drop(id),
      events: (id) => (this.corrected = { id }),
      open: () => {
        if (!connection.up) void this.load(); // what changed meanwhile was not told
        connection.reached(true);
      },
      lost: () => void this.lost(),
    });
  }

  private lost(): void {
    if (document.hidden || this.source === null) return;
    const over = this.source.readyState === EventSource.CLOSED;
    void api.about().catch(() => {}); // says whether the server is there and knows us
    if (!over) return; // the browser tries again by itself
    this.stop();
    if (!connection.refused) this.retry = window.setTimeout(() => this.listen(), RETRY_MS);
  }
}

export const recordings = new Recordings();
