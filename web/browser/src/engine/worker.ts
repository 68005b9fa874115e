// The worker: pictures in, scored faces out, one after another, so that the page stays free.
import { Analyser } from "../../../shared/pipeline/analyser";
import type { Facts } from "../../../shared/pipeline/facts";
import type { Picture } from "../../../shared/pipeline/picture";
import type { Asked, Told } from "./messages";
import { openGraphs, setUp } from "./runtime";

let analyser: Analyser | null = null;
let canvas: OffscreenCanvas | null = null;
let work: Promise<void> = Promise.resolve();

function tell(message: Told): void {
  self.postMessage(message);
}

self.addEventListener("message", ({ data }: MessageEvent<Asked>) => {
  work = work.then(() => answer(data)).catch((error: unknown) => {
    const id = "id" in data ? data.id : null;
    tell({ kind: "problem", id, message: error instanceof Error ? error.message : String(error) });
  });
});

async function answer(asked: Asked): Promise<void> {
  if (asked.kind === "start") return start(asked.base);
  if (!analyser) throw new Error("the networks are not loaded");
  if (asked.kind === "reset") return analyser.finder.reset();
  const begun = performance.now();
  const picture = pixels(asked.bitmap);
  const faces = asked.kind === "picture" ? await analyser.picture(picture) : await analyser.frame(picture, asked.time);
  const { width, height } = picture;
  tell({ kind: "scores", id: asked.id, faces, width, height, milliseconds: performance.now() - begun });
}

async function start(base: string): Promise<void> {
  const answered = await fetch(new URL("models.json", base));
  if (!answered.ok) throw new Error(`models.json cannot be read (${answered.status}); write the folder with: aufait studio --static`);
  const facts = (await answered.json()) as Facts;
  const total = Object.values(facts.networks).reduce((sum, file) => sum + file.bytes, 0);
  let loaded = 0;
  const threads = setUp();
  const { graphs, verified } = await openGraphs(base, facts.networks, (bytes, what) => {
    loaded += bytes;
    tell({ kind: "loading", loaded, total, what });
  });
  analyser = new Analyser(graphs, facts);
  tell({ kind: "ready", facts, threads, verified });
}

/** The pixels of a bitmap; what is transparent is placed on white. */
function pixels(bitmap: ImageBitmap): Picture {
  const { width, height } = bitmap;
  if (!canvas || canvas.width !== width || canvas.height !== height) canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (!context) throw new Error("this browser does not give the pixels of pictures");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}
