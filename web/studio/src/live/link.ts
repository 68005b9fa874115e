// The WebSocket to the server: one picture is under way at a time; the next goes out when its scores have come.

import { socketUrl } from "../api";
import { packed, parsed, type Message } from "./messages";
import type { Picture } from "./grabber";

/** What is said where the server closes the connection without a reason. */
const CLOSED = "The connection to the studio broke off. See whether `aufait studio` is still running in its terminal, then start again.";
/** After this long without an answer the next picture is sent all the same. */
const PATIENCE = 5000;
/** Milliseconds that a picture needs to be taken, and that cameras need for the next one. */
const AHEAD = 45;

export interface Listener {
  message: (message: Message) => void;
  /** A picture of a source of the server, before its scores. */
  picture?: (bytes: ArrayBuffer) => void;
  /** Called once, unless `close` was called before. */
  lost: (why: string) => void;
}

export class Link {
  #socket: WebSocket;
  #open = false;
  #waitingSince: number | null = null;
  #usual = 0;
  #refused: string | null = null;

  constructor(
    path: string,
    values: Record<string, string>,
    private readonly listener: Listener,
  ) {
    this.#socket = new WebSocket(socketUrl(path, values));
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onmessage = ({ data }) => (typeof data === "string" ? this.#text(data) : listener.picture?.(data as ArrayBuffer));
    this.#socket.onclose = ({ reason }) => this.#lost(this.#refused ?? (reason || CLOSED));
  }

  /** Whether a picture may be sent now. */
  get free(): boolean {
    const waiting = this.#waitingSince !== null && performance.now() - this.#waitingSince < PATIENCE;
    return this.#open && !waiting && this.#socket.readyState === WebSocket.OPEN;
  }

  /** Whether a picture that is taken now may still be the newest when the next one can be sent. */
  get soonFree(): boolean {
    return this.free || (this.#waitingSince !== null && performance.now() - this.#waitingSince > this.#usual - AHEAD);
  }

  send(picture: Picture): void {
    this.#waitingSince = performance.now();
    this.#socket.send(packed(picture.taken, picture.bytes));
  }

  close(): void {
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
  }

  #text(text: string): void {
    const message = parsed(text);
    if (!message) return;
    if (message.type === "ready") this.#open = true;
    if (message.type === "scores" || message.type === "error") this.#answered();
    // An error before the server is ready ends the session; later ones are about single frames.
    if (message.type === "error" && !this.#open) this.#refused = message.error.message;
    this.listener.message(message);
  }

  #answered(): void {
    if (this.#waitingSince !== null) this.#usual += (performance.now() - this.#waitingSince - this.#usual) / 8;
    this.#waitingSince = null;
  }

  #lost(why: string): void {
    this.#socket.onclose = null;
    this.listener.lost(why);
  }
}
