// Files on their way to the server. They go on when another page of the studio is opened.

import * as api from "../api";
import { about } from "./about.svelte";
import { size } from "./format";
import { recordings } from "./recordings.svelte";

const AT_ONCE = 2;

export interface Sending {
  key: number;
  name: string;
  bytes: number;
  /** 0..1 */
  part: number;
  state: "queued" | "sending" | "failed";
  problem: string;
  /** Trying the same again may help. */
  repeatable: boolean;
}

class Uploads {
  list = $state<Sending[]>([]);
  /** For readers of the screen: one sentence at a time. */
  news = $state("");
  private files = new Map<number, { file: File; fields: Record<string, string> }>();
  private running = new Map<number, api.Upload>();
  private next = 0;

  add(files: Iterable<File>, fields: Record<string, string> = {}): void {
    for (const file of files) {
      const key = this.next++;
      this.files.set(key, { file, fields });
      const problem = this.refusal(file);
      this.list.push({ key, name: file.name, bytes: file.size, part: 0, state: problem ? "failed" : "queued", problem, repeatable: false });
    }
    this.turn();
  }

  again(key: number): void {
    const one = this.find(key);
    if (!one) return;
    Object.assign(one, { state: "queued", part: 0, problem: "" });
    this.turn();
  }

  stop(key: number): void {
    this.running.get(key)?.abort();
    this.forget(key);
    this.turn();
  }

  private refusal(file: File): string {
    const most = about.value?.limits.upload_bytes;
    if (most && file.size > most) return `The file has ${size(file.size)}; this studio takes at most ${size(most)}. Start it with a larger --max-upload, or cut the video.`;
    if (file.size === 0) return "The file is empty. Choose a video or a picture.";
    return "";
  }

  private find(key: number): Sending | undefined {
    return this.list.find((one) => one.key === key);
  }

  private forget(key: number): void {
    this.files.delete(key);
    this.running.delete(key);
    this.list = this.list.filter((one) => one.key !== key);
    this.guard();
  }

  private turn(): void {
    for (const one of this.list) {
      if (this.running.size >= AT_ONCE) break;
      if (one.state === "queued") void this.send(one);
    }
    this.guard();
  }

  private async send(one: Sending): Promise<void> {
    const { file, fields } = this.files.get(one.key)!;
    one.state = "sending";
    const upload = api.upload(file, fields, (part) => (one.part = part));
    this.running.set(one.key, upload);
    try {
      const made = await upload.done;
      recordings.put(made);
      this.news = `${one.name} has arrived and waits to be analysed.`;
      this.forget(one.key);
    } catch (error) {
      this.running.delete(one.key);
      const failed = error as api.ApiError;
      if (failed.code !== "aborted") {
        Object.assign(one, { state: "failed", problem: failed.message, repeatable: failed.status === 0 || failed.status >= 500 });
        this.news = `${one.name}: ${failed.message}`;
      }
    }
    this.turn();
  }

  /** The browser asks before it closes a page with files on their way. */
  private guard(): void {
    window.onbeforeunload = this.running.size ? (event) => event.preventDefault() : null;
  }
}

export const uploads = new Uploads();
