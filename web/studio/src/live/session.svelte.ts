// A live session: where pictures come from, the scores that came last, and how quickly they come.

import type { FrameFace } from "../api";
import { CameraProblem, closeCamera, openCamera, played } from "./camera";
import { Grabber, type Picture } from "./grabber";
import { History } from "./history";
import { Link } from "./link";
import { kindOf, type Change, type Message, type Ready, type Scores, type ScoreKind, type SourceState } from "./messages";
import { Meter } from "./meter";
import { Recorder } from "./recorder";

/** Where pictures come from; `source` is one that the server opens itself. */
export type Origin =
  | { kind: "camera"; id: string }
  | { kind: "file"; file: File }
  | { kind: "source"; id: string; name: string };

export interface Wishes {
  model: string;
  finder: string;
}

const TELL_MS = 250;
const CHANGES_KEPT = 30;

export class Session {
  state = $state<"idle" | "opening" | "running">("idle");
  problem = $state("");
  /** What the server says about its source while it is not running. */
  note = $state("");
  model = $state("");
  finder = $state("");
  units = $state.raw<number[]>([]);
  kind = $state<ScoreKind>("intensity");

  /** Told four times a second. */
  delay = $state<number | null>(null);
  rate = $state<number | null>(null);
  serverMs = $state<number | null>(null);
  dropped = $state(0);
  faces = $state.raw<FrameFace[]>([]);
  changes = $state.raw<Change[]>([]);
  recorded = $state({ rows: 0, seconds: 0, full: false });
  recording = $state(false);

  /** With every answer; not reactive, for drawing. */
  latest: Scores | null = null;
  history = new History(0);
  frame = { width: 0, height: 0 };
  ondraw: () => void = () => {};
  /** A picture of a source of the server. */
  onpicture: (bytes: ArrayBuffer) => void = () => {};

  #origin: Origin | null = null;
  #video: HTMLVideoElement | null = null;
  #stream: MediaStream | null = null;
  #address: string | null = null;
  #grabber: Grabber | null = null;
  #link: Link | null = null;
  #meter = new Meter();
  #recorder: Recorder | null = null;
  #serverDropped = 0;
  #timer = 0;
  #turn = 0;

  async start(origin: Origin, video: HTMLVideoElement, wishes: Wishes): Promise<void> {
    this.stop();
    const turn = ++this.#turn;
    this.#forget();
    this.#origin = origin;
    this.#video = video;
    this.state = "opening";
    try {
      await this.#open(origin, video, turn);
    } catch (cause) {
      if (turn === this.#turn) this.#fail(cause instanceof CameraProblem ? cause.message : `The picture could not be opened: ${String(cause)}`);
      return;
    }
    if (turn !== this.#turn) return; // stopped, or started anew, while the camera was asked for
    this.#connect(origin, wishes);
    this.#timer = window.setInterval(() => this.#tell(), TELL_MS);
  }

  stop(): void {
    this.#turn += 1;
    this.#tell();
    window.clearInterval(this.#timer);
    this.#release();
    this.#link?.close();
    this.#link = null;
    this.recording = false;
    this.note = "";
    this.state = "idle";
  }

  /** Begins to keep scores; what was kept before is replaced. */
  record(): void {
    this.#recorder = new Recorder(this.#name(), this.frame.width, this.frame.height);
    this.recording = true;
    this.#count();
  }

  endRecord(): void {
    this.recording = false;
    this.#count();
  }

  /** The kept scores as CSV. */
  csv(): Blob {
    return new Blob([this.#recorder?.csv() ?? ""], { type: "text/csv" });
  }

  async #open(origin: Origin, video: HTMLVideoElement, turn: number): Promise<void> {
    if (origin.kind === "source") return;
    if (origin.kind === "camera") {
      const stream = await openCamera(origin.id);
      if (turn !== this.#turn) return closeCamera(stream);
      this.#stream = stream;
      video.srcObject = stream;
      stream.getVideoTracks()[0]?.addEventListener("ended", () => this.#fail("The camera was unplugged or switched off. Start again when it is back."));
      await played(video, "The camera's picture");
    } else {
      this.#address = URL.createObjectURL(origin.file);
      video.src = this.#address;
      video.loop = true;
      await played(video, origin.file.name);
    }
  }

  #connect(origin: Origin, { model, finder }: Wishes): void {
    const listener = {
      message: (message: Message) => this.#hear(message),
      picture: (bytes: ArrayBuffer) => this.onpicture(bytes),
      lost: (why: string) => this.#fail(why),
    };
    if (origin.kind === "source") {
      this.#link = new Link(`/api/sources/${encodeURIComponent(origin.id)}`, {}, listener);
      return;
    }
    this.#link = new Link("/api/live", { model, finder }, listener);
    this.#grabber = new Grabber(this.#video!, () => this.#link?.soonFree ?? false, () => this.#send());
    this.#grabber.start();
  }

  #send(): void {
    if (!this.#link?.free) return;
    const picture: Picture | null = this.#grabber?.take() ?? null;
    if (!picture) return;
    this.#link.send(picture);
  }

  #hear(message: Message): void {
    if (message.type === "ready") this.#begin(message);
    else if (message.type === "scores") this.#take(message);
    else if (message.type === "state") this.#state(message);
    else this.problem = message.error.message;
    this.#send();
  }

  #begin(ready: Partial<Omit<Ready, "type">>): void {
    const { action_units: units, model, finder, kind } = ready;
    if (!units?.length || (this.state === "running" && units.join() === this.units.join())) return;
    this.units = units;
    this.model = model ?? "";
    this.finder = finder ?? "";
    this.kind = kind ?? this.kind;
    this.history = new History(units.length);
    this.state = "running";
  }

  #state(message: SourceState): void {
    this.#begin(message);
    if (message.state === "ended") this.stop();
    this.note = message.state === "running" ? "" : message.message;
  }

  #take(scores: Scores): void {
    const now = performance.now();
    const { time, size } = scores;
    this.#serverDropped = scores.dropped;
    this.serverMs = scores.server_ms;
    this.problem = "";
    if (time === null) return;
    this.#meter.add(scores.sent ?? now, now);
    this.latest = scores;
    if (size) this.frame = { width: size[0], height: size[1] };
    this.kind = kindOf(scores.faces) ?? this.kind;
    this.history.add(time, scores.faces, this.kind);
    if (this.recording) this.#recorder?.add(time, scores, this.kind);
    if (scores.changes?.length) this.changes = [...scores.changes, ...this.changes].slice(0, CHANGES_KEPT);
    this.ondraw();
  }

  /** Numbers for people: often enough to follow, seldom enough to read. */
  #tell(): void {
    const now = performance.now();
    this.delay = this.#origin?.kind === "source" ? null : this.#meter.delay(now);
    this.rate = this.#meter.rate(now);
    this.dropped = this.#serverDropped + (this.#grabber?.dropped ?? 0);
    this.faces = this.latest?.faces ?? [];
    this.#count();
  }

  #count(): void {
    const kept = this.#recorder;
    this.recorded = { rows: kept?.rows ?? 0, seconds: kept?.seconds ?? 0, full: kept?.full ?? false };
    if (this.recorded.full) this.recording = false;
  }

  #name(): string {
    const origin = this.#origin;
    return origin?.kind === "file" ? origin.file.name : origin?.kind === "source" ? origin.name : "camera";
  }

  #fail(why: string): void {
    this.stop();
    this.problem = why;
  }

  #release(): void {
    this.#grabber?.stop();
    closeCamera(this.#stream);
    this.#stream = null;
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = null;
    if (this.#video) {
      this.#video.pause();
      this.#video.srcObject = null;
      this.#video.removeAttribute("src");
      this.#video.load();
    }
  }

  #forget(): void {
    this.#grabber = null;
    this.#meter.clear();
    this.#serverDropped = 0;
    this.latest = null;
    this.problem = "";
    this.changes = [];
    this.history = new History(this.units.length);
    this.ondraw();
  }
}
