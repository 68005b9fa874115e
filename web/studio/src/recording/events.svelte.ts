// Events of one recording and a coder's corrections of them. Every change is shown at once and taken back if the server refuses it.

import * as api from "../api";

type Id = api.FaceEvent["id"];
const STEPS_BACK = 100;

interface Step {
  words: string;
  back: () => Promise<unknown>;
}

export const STATUS_WORDS: Record<api.Status, string> = {
  found: "found",
  accepted: "accepted",
  rejected: "rejected",
  moved: "moved",
  added: "added",
};

export class Events {
  list = $state.raw<api.FaceEvent[]>([]);
  loaded = $state(false);
  selected = $state<Id | null>(null);
  problem = $state("");
  /** What was done last, for readers of the screen. */
  news = $state("");
  saving = $state(0);
  steps = $state.raw<Step[]>([]);
  /** While an end is being dragged, news of others wait. */
  held = false;
  /** Ends when all that was begun has ended. */
  private begun: Promise<unknown> = Promise.resolve();

  constructor(private readonly recording: string) {}

  get current(): api.FaceEvent | null {
    return this.list.find((one) => one.id === this.selected) ?? null;
  }

  async load(): Promise<void> {
    try {
      const list = sorted(await api.events(this.recording));
      if (this.held || this.saving) return; // what is being changed will be told again
      this.list = list;
      this.loaded = true;
      this.problem = "";
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }

  /** Shows a change while it is being made, without saving it. */
  preview(id: Id, change: Partial<api.FaceEvent>): void {
    this.list = this.list.map((one) => (one.id === id ? { ...one, ...change } : one));
  }

  /** Changes level, note or status. */
  change(id: Id, change: api.EventChange, words: string, before = this.find(id)): Promise<void> {
    return this.begin(async () => {
      if (before && (await this.put(id, change, words, before))) {
        this.remember({ words, back: () => this.restore(before, `${words} Undone.`) });
      }
    });
  }

  /** Moves ends or gives another unit; the server then calls it moved. */
  async move(id: Id, place: Pick<api.EventChange, "onset" | "offset" | "unit">, words: string, before = this.find(id)): Promise<void> {
    if (before && before.status !== "added") this.preview(id, { status: "moved" });
    await this.change(id, place, words, before);
  }

  async accept(id: Id): Promise<void> {
    const one = this.find(id);
    if (one && one.status !== "accepted") await this.change(id, { status: "accepted" }, `${named(one)} accepted.`);
  }

  async reject(id: Id): Promise<void> {
    const one = this.find(id);
    if (!one) return;
    if (one.status === "added") await this.remove(one);
    else if (one.status !== "rejected") await this.change(id, { status: "rejected" }, `${named(one)} rejected.`);
  }

  add(event: api.NewEvent): Promise<void> {
    return this.begin(async () => {
      const made = await this.post(event);
      if (made) this.remember({ words: "Event added", back: () => this.delete(made) });
    });
  }

  remove(event: api.FaceEvent): Promise<void> {
    return this.begin(async () => {
      if (await this.delete(event)) this.remember({ words: `${named(event)} removed`, back: () => this.post(event) });
    });
  }

  /** Takes the last change back, after those that are still being saved. */
  undo(): Promise<void> {
    const earlier = this.begun;
    return this.begin(async () => {
      await earlier;
      const step = this.steps.at(-1);
      this.steps = this.steps.slice(0, -1);
      await step?.back();
    });
  }

  /** The event before or after `time` (or the selected one) on a face; null where there is none. */
  neighbour(face: number, time: number, way: 1 | -1, shown: (event: api.FaceEvent) => boolean): api.FaceEvent | null {
    const all = this.list.filter((one) => one.face === face && shown(one));
    const k = all.findIndex((one) => one.id === this.selected);
    if (k >= 0) return all[k + way] ?? null;
    return way > 0 ? (all.find((one) => one.onset >= time) ?? null) : (all.filter((one) => one.onset < time).at(-1) ?? null);
  }

  private begin(work: () => Promise<void>): Promise<void> {
    const one = work();
    this.begun = Promise.allSettled([this.begun, one]);
    return one;
  }

  private remember(step: Step): void {
    this.steps = [...this.steps, step].slice(-STEPS_BACK);
  }

  private find(id: Id): api.FaceEvent | undefined {
    return this.list.find((one) => one.id === id);
  }

  private async put(id: Id, change: api.EventChange, words: string, before = this.find(id)): Promise<boolean> {
    this.preview(id, change);
    const saved = await this.save(() => api.changeEvent(this.recording, id, change));
    if (saved) this.replace(id, saved, words);
    else if (before) this.preview(id, before);
    return saved !== null;
  }

  /** Back to what an event was: a moved one is put to its place before it is called what it was called. */
  private async restore({ id, status, onset, offset, unit, level, note, found }: api.FaceEvent, words: string): Promise<void> {
    const place = { onset, offset, unit };
    const said = { level, note };
    if (status === "added") await this.put(id, { ...place, ...said }, words);
    else if (found) {
      await this.put(id, place, words);
      await this.put(id, { status, ...said }, words);
    } else {
      await this.put(id, { status: "found", ...said }, words);
      if (status !== "found") await this.put(id, { status }, words);
    }
  }

  private async post(event: api.NewEvent): Promise<api.FaceEvent | null> {
    const { face, unit, side, onset, offset, level, note } = event;
    const made = await this.save(() => api.addEvent(this.recording, { face, unit, side: side ?? null, onset, offset, level: level ?? null, note: note ?? "" }));
    if (!made) return null;
    this.list = sorted([...this.list, made]);
    this.selected = made.id;
    this.news = `${named(made)} added.`;
    return made;
  }

  private async delete(event: api.FaceEvent): Promise<boolean> {
    const gone = await this.save(async () => {
      await api.removeEvent(this.recording, event.id);
      return true;
    });
    if (!gone) return false;
    this.list = this.list.filter((one) => one.id !== event.id);
    if (this.selected === event.id) this.selected = null;
    this.news = `${named(event)} removed.`;
    return true;
  }

  private replace(id: Id, saved: api.FaceEvent, words: string): void {
    this.list = sorted(this.list.map((one) => (one.id === id ? saved : one)));
    this.news = words;
  }

  private async save<T>(what: () => Promise<T>): Promise<T | null> {
    this.saving += 1;
    try {
      const result = await what();
      this.problem = "";
      return result;
    } catch (error) {
      this.problem = `The change was not saved. ${(error as Error).message}`;
      return null;
    } finally {
      this.saving -= 1;
    }
  }
}

export const named = ({ unit, side }: Pick<api.FaceEvent, "unit" | "side">): string => `AU${unit}${side ? ` ${side}` : ""}`;

function sorted(list: api.FaceEvent[]): api.FaceEvent[] {
  return list.sort((a, b) => a.onset - b.onset || a.unit - b.unit || String(a.id).localeCompare(String(b.id)));
}
