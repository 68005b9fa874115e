// A worker: finds the faces of pictures, or scores the faces that the other worker found.
import type { Facts } from "../../../shared/pipeline/facts";
import { Finder } from "../../../shared/pipeline/finder";
import { prepare } from "../../../shared/pipeline/prepare";
import { score } from "../../../shared/pipeline/score";
import type { Asked, Found, Told } from "./messages";
import { pixelsOf } from "./pixels";
import { openGraphs, setUp } from "./runtime";

type Start = Extract<Asked, { kind: "start" }>;
type Shown = Extract<Asked, { id: number }>;

let facts: Facts;
let finder: Finder | null = null;
let handOver: MessagePort;
let work: Promise<void> = Promise.resolve();

function tell(message: Told): void {
  self.postMessage(message);
}

/** Does one thing after another; what goes wrong is told with the number of the picture. */
function inTurn(id: number | null, step: () => Promise<void> | void): void {
  work = work.then(step).catch((error: unknown) => {
    tell({ kind: "problem", id, message: error instanceof Error ? error.message : String(error) });
  });
}

self.addEventListener("message", ({ data }: MessageEvent<Asked>) => {
  if (data.kind === "start") inTurn(null, () => start(data));
  else if (data.kind === "reset") inTurn(null, () => finder?.reset());
  else inTurn(data.id, () => find(data));
});

async function start({ role, base, facts: told, port }: Start): Promise<void> {
  facts = told;
  const threads = setUp();
  const progress = (bytes: number) => tell({ kind: "loading", bytes });
  if (role === "find") {
    const { graphs, verified } = await openGraphs(base, facts.networks, ["detector", "landmarks"], progress);
    finder = new Finder(graphs, facts);
    handOver = port;
    tell({ kind: "ready", threads, verified });
    return;
  }
  const { graphs, verified } = await openGraphs(base, facts.networks, ["action_units", "face_check"], progress);
  port.onmessage = ({ data }: MessageEvent<Found>) => {
    inTurn(data.id, async () => {
      const faces = await score(data.prepared, graphs, facts);
      tell({ kind: "scores", id: data.id, faces, width: data.width, height: data.height });
    });
  };
  tell({ kind: "ready", threads, verified });
}

async function find(asked: Shown): Promise<void> {
  if (!finder) throw new Error("the networks are not loaded");
  const picture = await pixelsOf(asked.bitmap);
  const faces = asked.kind === "picture" ? await finder.find(picture) : await finder.track(picture, asked.time);
  const prepared = prepare(picture, faces, facts);
  const found: Found = { id: asked.id, prepared, width: picture.width, height: picture.height };
  handOver.postMessage(found, [prepared.crops.buffer, prepared.checkCrops.buffer]);
  tell({ kind: "taken", id: asked.id });
}
