// The WebSocket to the server. As many pictures are under way as the server says; the next goes out when one is answered.

import { socketUrl } from "../api";
import { packed, parsed, type Message } from "./messages";
import type { Picture } from "./grabber";
import { Pace } from "./pace";

/** What is said where the server closes the connection without a reason. */
const CLOSED = "The connection to the studio broke off. See whether `aufait studio` is still running in its terminal, then start again.";
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
  #pace = new Pace();
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
    return this.#open && this.#socket.readyState === WebSocket.OPEN && this.#pace.free;
  }

  /** Whether a picture that is taken now may still be the newest when the next one can be sent. */
  get soonFree(): boolean {
    return this.#open && this.#pace.soonFree(performance.now());
  }

  send(picture: Picture): void {
    this.#pace.sent(picture.taken, performance.now());
    this.#socket.send(packed(picture.taken, picture.bytes));
  }

  close(): void {
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
  }

  #text(text: string): void {
    const message = parsed(text);
    if (!message) return;
    if (message.type === "ready") {
      this.#open = true;
      this.#pace = new Pace(message.in_flight);
    }
    if (message.type === "scores" || message.type === "error") this.#pace.answered(message.sent ?? null, performance.now());
    // An error before the server is ready ends the session; later ones are about single frames.
    if (message.type === "error" && !this.#open) this.#refused = message.error.message;
    this.listener.message(message);
  }

  #lost(why: string): void {
    this.#socket.onclose = null;
    this.listener.lost(why);
  }
}
