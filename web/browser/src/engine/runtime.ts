// ONNX Runtime with WebAssembly: graphs from files, run on bytes.
import * as ort from "onnxruntime-web/wasm";
import wasmFile from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import type { NetworkFile } from "../../../shared/pipeline/facts";
import type { Graphs, RunGraph } from "../../../shared/pipeline/networks";

type Name = keyof Graphs;
type Progress = (bytes: number) => void;

const MOST_THREADS = 4;

/** How many threads the networks get: one, unless the server's headers allow memory that threads share. */
export function setUp(): number {
  const half = Math.floor((navigator.hardwareConcurrency || 2) / 2); // there are two workers
  const threads = globalThis.crossOriginIsolated ? Math.min(Math.max(half, 1), MOST_THREADS) : 1;
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.proxy = false;
  ort.env.wasm.wasmPaths = { wasm: new URL(wasmFile, self.location.href).href };
  return threads;
}

/** Some of the graphs, and whether their files could be compared with the digests that `models.json` states. */
export async function openGraphs<N extends Name>(
  base: string, files: Record<Name, NetworkFile>, names: readonly N[], progress: Progress,
): Promise<{ graphs: Pick<Graphs, N>; verified: boolean }> {
  const contents = await Promise.all(names.map((name) => download(new URL(files[name].file, base), files[name], progress)));
  const graphs = {} as Pick<Graphs, N>;
  for (const [k, name] of names.entries()) graphs[name] = await openGraph(contents[k]!.bytes);
  return { graphs, verified: contents.every((one) => one.verified) };
}

async function openGraph(bytes: Uint8Array): Promise<RunGraph> {
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: ["wasm"], graphOptimizationLevel: "all", logSeverityLevel: 3,
  });
  return async (pixels, shape) => {
    const answers = await session.run({ pixels: new ort.Tensor("uint8", pixels, [...shape]) });
    return Object.fromEntries(Object.entries(answers).map(([name, tensor]) => [name, tensor.data as Float32Array]));
  };
}

async function download(address: URL, file: NetworkFile, progress: Progress) {
  const answer = await fetch(address, { cache: "no-cache" }); // asks whether the file is still the same
  if (!answer.ok || !answer.body) throw new Error(`${file.file} cannot be read (${answer.status}); write the folder again with: aufait studio --static`);
  const bytes = new Uint8Array(file.bytes);
  let filled = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    if (filled + value.length > bytes.length) throw damaged(file);
    bytes.set(value, filled);
    filled += value.length;
    progress(value.length);
  }
  if (filled !== bytes.length) throw damaged(file);
  return { bytes, verified: await verified(bytes, file) };
}

/** Browsers compute digests only for pages from https and from this machine. */
async function verified(bytes: Uint8Array<ArrayBuffer>, file: NetworkFile): Promise<boolean> {
  if (!globalThis.crypto?.subtle) return false;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const text = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (text !== file.sha256) throw damaged(file);
  return true;
}

function damaged(file: NetworkFile): Error {
  return new Error(`${file.file} is not the file that models.json names; write the folder again with: aufait studio --static`);
}
