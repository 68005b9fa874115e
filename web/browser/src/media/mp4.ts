// Which frames an MP4 file holds and where: enough of the format to hand them to the browser's decoder one after another.
//
// Read are files with one table of samples and H.264 video, upright and with square pixels, as cameras, phones and ffmpeg write them.
// Anything else is left to the browser's player (`video.ts`).

export interface Sample {
  offset: number;
  size: number;
  /** When it is shown, in seconds; negative before the start of the film. */
  time: number;
  key: boolean;
}

export interface Track {
  codec: string;
  /** What the decoder has to know first. */
  description: Uint8Array<ArrayBuffer>;
  width: number;
  height: number;
  /** In the order of decoding. */
  samples: Sample[];
}

interface Atom {
  type: string;
  body: DataView;
}

const LARGEST_INDEX = 256 * 1024 * 1024; // bytes
const MOST_SAMPLES = 20_000_000;
const UPRIGHT = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000];

/** Null where the file is of another kind; damaged tables too, as a player may still find something in it. */
export async function readTrack(file: Blob): Promise<Track | null> {
  const moov = await findIndex(file);
  if (!moov) return null;
  try {
    const movie = children(moov);
    const header = body(movie, "mvhd");
    const scale = header?.getUint32(header.getUint8(0) === 1 ? 20 : 12) || 1000;
    const found = movie.filter((atom) => atom.type === "trak").flatMap((atom) => videoTrack(children(atom.body), scale) ?? []);
    return found[0] ?? null;
  } catch (error) {
    if (error instanceof RangeError) return null; // a table that ends too early
    throw error;
  }
}

/** The contents of the file's index; null where it has none, or its samples are in fragments. */
async function findIndex(file: Blob): Promise<DataView | null> {
  for (let offset = 0; offset + 8 <= file.size; ) {
    const head = new DataView(await file.slice(offset, offset + 16).arrayBuffer());
    const type = name(head, 4);
    if (!/^[\w ©-]{4}$/.test(type)) return null;
    const large = head.getUint32(0) === 1 && head.byteLength === 16;
    const size = large ? Number(head.getBigUint64(8)) : head.getUint32(0) || file.size - offset;
    if (size < 8 || type === "moof") return null;
    if (type === "moov") return size > LARGEST_INDEX ? null : new DataView(await file.slice(offset + (large ? 16 : 8), offset + size).arrayBuffer());
    offset += size;
  }
  return null;
}

function videoTrack(trak: Atom[], movieScale: number): Track | null {
  const mdia = children(body(trak, "mdia"));
  const handler = body(mdia, "hdlr"), header = body(mdia, "mdhd"), shown = body(trak, "tkhd");
  if (!handler || name(handler, 8) !== "vide" || !header || !shown || !isUpright(shown)) return null;
  const scale = header.getUint32(header.getUint8(0) === 1 ? 20 : 12);
  const tables = children(body(children(body(mdia, "minf")), "stbl"));
  const format = videoFormat(tables);
  if (!format || !scale) return null;
  const start = editStart(children(body(trak, "edts")), scale, movieScale);
  const samples = start === null ? [] : readSamples(tables, scale, start);
  return samples.length ? { ...format, samples } : null;
}

function isUpright(tkhd: DataView): boolean {
  const matrix = tkhd.getUint8(0) === 1 ? 52 : 40;
  return UPRIGHT.every((value, k) => tkhd.getUint32(matrix + 4 * k) === value);
}

function videoFormat(tables: Atom[]): Omit<Track, "samples"> | null {
  const description = body(tables, "stsd");
  if (!description || description.getUint32(4) !== 1) return null;
  const entry = children(part(description, 8))[0];
  if (!entry || (entry.type !== "avc1" && entry.type !== "avc3")) return null;
  const inside = children(part(entry.body, 78));
  const settings = body(inside, "avcC"), pixels = body(inside, "pasp");
  if (!settings || (pixels && pixels.getUint32(0) !== pixels.getUint32(4))) return null;
  const bytes = new Uint8Array(settings.buffer.slice(settings.byteOffset, settings.byteOffset + settings.byteLength) as ArrayBuffer);
  const codec = `${entry.type}.${[...bytes.subarray(1, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  return { codec, description: bytes, width: entry.body.getUint16(24), height: entry.body.getUint16(26) };
}

/** Time of the media, in its own units, at which the film begins; null where the film is cut together from parts. */
function editStart(edts: Atom[], scale: number, movieScale: number): number | null {
  const list = body(edts, "elst");
  if (!list) return 0;
  const long = list.getUint8(0) === 1;
  let start = 0, parts = 0;
  for (let k = 0, at = 8; k < list.getUint32(4); k++, at += long ? 20 : 12) {
    const length = long ? Number(list.getBigUint64(at)) : list.getUint32(at);
    const media = long ? Number(list.getBigInt64(at + 8)) : list.getInt32(at + 4);
    if (media < 0) start -= (length / movieScale) * scale; // nothing is shown for a while
    else if (++parts > 1) return null;
    else start += media;
  }
  return start;
}

function readSamples(tables: Atom[], scale: number, start: number): Sample[] {
  const sizes = sampleSizes(body(tables, "stsz"));
  const offsets = sampleOffsets(tables, sizes);
  const times = runs(body(tables, "stts"), sizes.length), shifts = runs(body(tables, "ctts"), sizes.length);
  const keys = body(tables, "stss");
  const isKey = new Uint8Array(sizes.length).fill(keys ? 0 : 1);
  for (let k = 0; k < (keys?.getUint32(4) ?? 0); k++) isKey[keys!.getUint32(8 + 4 * k) - 1] = 1;
  let decoded = 0;
  return offsets.map((offset, k) => {
    const time = (decoded + shifts[k]! - start) / scale;
    decoded += times[k]!;
    return { offset, size: sizes[k]!, time, key: isKey[k] === 1 };
  });
}

function sampleSizes(stsz: DataView | null): number[] {
  const count = stsz?.getUint32(8) ?? 0, common = stsz?.getUint32(4) ?? 0;
  if (count > MOST_SAMPLES) throw new RangeError("too many samples");
  return Array.from({ length: count }, (_, k) => common || stsz!.getUint32(12 + 4 * k));
}

/** Samples lie in chunks; where these begin, and how many samples each has, is in two tables. */
function sampleOffsets(tables: Atom[], sizes: readonly number[]): number[] {
  const long = body(tables, "co64"), chunks = long ?? body(tables, "stco"), counts = body(tables, "stsc");
  const offsets: number[] = [];
  if (!chunks || !counts) return offsets;
  let entry = 0;
  for (let chunk = 1; chunk <= chunks.getUint32(4) && offsets.length < sizes.length; chunk++) {
    while (entry + 1 < counts.getUint32(4) && counts.getUint32(8 + 12 * (entry + 1)) <= chunk) entry++;
    let at = long ? Number(chunks.getBigUint64(8 + 8 * (chunk - 1))) : chunks.getUint32(8 + 4 * (chunk - 1));
    for (let k = counts.getUint32(12 + 12 * entry); k > 0 && offsets.length < sizes.length; k--) {
      offsets.push(at);
      at += sizes[offsets.length - 1]!;
    }
  }
  return offsets;
}

/** A table of (count, value) as one value per sample; 0 where there is no table. Values may be negative. */
function runs(table: DataView | null, length: number): Float64Array {
  const values = new Float64Array(length);
  for (let entry = 0, k = 0; table && entry < table.getUint32(4); entry++) {
    const end = Math.min(k + table.getUint32(8 + 8 * entry), length);
    values.fill(table.getInt32(12 + 8 * entry), k, end);
    k = end;
  }
  return values;
}

function children(view: DataView | null): Atom[] {
  const atoms: Atom[] = [];
  for (let at = 0; view && at + 8 <= view.byteLength; ) {
    const size = view.getUint32(at);
    if (size < 8 || at + size > view.byteLength) break;
    atoms.push({ type: name(view, at + 4), body: part(view, at + 8, size - 8) });
    at += size;
  }
  return atoms;
}

function body(atoms: readonly Atom[], type: string): DataView | null {
  return atoms.find((atom) => atom.type === type)?.body ?? null;
}

function part(view: DataView, at: number, length = view.byteLength - at): DataView {
  return new DataView(view.buffer, view.byteOffset + at, length);
}

function name(view: DataView, at: number): string {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}
