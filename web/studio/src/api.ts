// The server's REST interface, typed. Times are in seconds; what is unknown is null.

export interface ActionUnit {
  unit: number;
  name: string;
  muscles: string;
  /** Where it acts, x and y from 0 to 1 in a face template. */
  points: [number, number][];
}

export interface ExportFormat {
  format: string;
  name: string;
  extension: string;
  /** What must be installed for it, null where nothing is missing. */
  needs: string | null;
  /** Made while one waits. */
  slow?: boolean;
  /** Not for pictures. */
  of_videos?: boolean;
}

export interface About {
  version: string;
  finder: string;
  finder_reason: string;
  model: string;
  action_units: ActionUnit[];
  limits: { upload_bytes: number };
  exports: ExportFormat[];
  networks: (string | { name: string; [key: string]: unknown })[];
  notice: string;
  /** Why nothing can be analysed, null where all is well. */
  problem?: string | null;
}

export type State = "waiting" | "running" | "done" | "failed" | "cancelled" | "interrupted";

export interface FaceSummary {
  face: number;
  rows: number;
  first: number | null;
  last: number | null;
  quality: number | null;
}

export interface Recording {
  id: string;
  name: string;
  created: string;
  state: State;
  progress: { frames: number; total: number | null; fps: number | null; seconds_left: number | null };
  problem: string | null;
  warnings: string[];
  kind: "video" | "picture";
  duration: number | null;
  width: number | null;
  height: number | null;
  fps: number | null;
  faces: FaceSummary[];
  quality: number | null;
  synthetic: boolean;
  settings: Record<string, unknown>;
  size_bytes: number;
  has_preview: boolean;
  /** Time of the table at which what the browser plays begins. */
  media_start?: number;
}

export type Row = (number | null)[];

export interface LaneUnit {
  mean: Row;
  min: Row;
  max: Row;
  probability: Row | null;
  low: Row | null;
  high: Row | null;
}

export interface Lanes {
  face: number;
  kind: "intensity" | "probability";
  start: number;
  end: number;
  step: number;
  time: number[];
  units: Record<string, LaneUnit>;
  quality: Row;
  /** Share of the frames of each point in which the face is seen. */
  known: number[];
}

export interface FrameFace {
  face: number;
  box: [number, number, number, number];
  /** x, y, x, y, ... of 68 points in the recording's pixels. */
  landmarks: Row;
  quality: number | null;
  /** One value per entry of `action_units`. */
  probability: Row;
  intensity: Row;
  left: Row;
  right: Row;
}

export interface FaceFrame {
  time: number;
  faces: FrameFace[];
}

export interface Faces {
  frames: FaceFrame[];
  action_units: number[];
}

export type Side = "left" | "right" | null;
export type Status = "found" | "accepted" | "rejected" | "moved" | "added";

export interface FaceEvent {
  id: string | number;
  face: number;
  unit: number;
  side: Side;
  onset: number;
  apex: number | null;
  offset: number;
  peak: number | null;
  mean: number | null;
  status: Status;
  /** Where it was found, for an event that was moved. */
  found: { onset: number; offset: number } | null;
  level: number | null;
  note: string;
}

export type NewEvent = Pick<FaceEvent, "face" | "unit" | "onset" | "offset"> & Partial<Pick<FaceEvent, "side" | "level" | "note">>;
export type EventChange = Partial<Pick<FaceEvent, "status" | "onset" | "offset" | "unit" | "level" | "note">>;

export interface Marker {
  start: number;
  end: number;
  label: string;
}

export interface SummaryRow {
  face: number;
  unit: number;
  measure: string;
  value: number | null;
  low: number | null;
  high: number | null;
}

export interface Why {
  method: string;
  caption: string;
  picture: string;
}

export type CompareKind = "agreement" | "difference" | "synchrony";

export interface Agreement {
  measures: { unit: number; measure: string; value: number | null; low?: number | null; high?: number | null; count: number }[];
  stretches: Record<string, unknown>[];
}

export interface Difference {
  time: number[];
  units: Record<string, { first: Row; second: Row; difference: Row }>;
}

export interface Source {
  id: string;
  url?: string | null;
  camera?: number | null;
  state?: string;
  message?: string;
}

/** What went wrong, as a sentence that can be shown to people. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export const NO_CONNECTION = "no_connection";
const GONE = "The studio does not answer. See whether `aufait studio` is still running in its terminal, then try again.";

/** Tells the page whether the last request reached the server; set by the connection's state. */
export const hooks: { reached: (yes: boolean) => void; refused: () => void } = { reached: () => {}, refused: () => {} };

function problemOf(status: number, text: string): ApiError {
  try {
    const { code, message } = JSON.parse(text).error;
    if (typeof message === "string") return new ApiError(String(code), message, status);
  } catch {
    // not ours: fall through
  }
  return new ApiError("unexpected", `The studio answered with an error of its own (${status}). Its terminal says more.`, status);
}

async function request(path: string, options: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    hooks.reached(false);
    throw new ApiError(NO_CONNECTION, GONE, 0);
  }
  hooks.reached(true);
  if (answer.ok) return answer;
  if (answer.status === 401) hooks.refused();
  throw problemOf(answer.status, await answer.text());
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request(path, { signal })).json() as Promise<T>;
}

async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers = body === undefined ? undefined : { "Content-Type": "application/json" };
  const answer = await request(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

type Value = string | number | boolean | null | undefined;

/** `?a=1&b=2` of those that are given. */
export function query(values: Record<string, Value>): string {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? "?" + new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString() : "";
}

const at = (id: string): string => `/api/recordings/${encodeURIComponent(id)}`;

// -- the program

export const about = (): Promise<About> => get("/api/about");

// -- recordings

export const recordings = async (): Promise<Recording[]> => (await get<{ recordings: Recording[] }>("/api/recordings")).recordings;
export const recording = (id: string): Promise<Recording> => get(at(id));
export const rename = (id: string, name: string): Promise<Recording> => send("PATCH", at(id), { name });
export const remove = (id: string): Promise<void> => send("DELETE", at(id));
export const cancel = (id: string): Promise<Recording> => send("POST", `${at(id)}/cancel`);
export const again = (id: string): Promise<Recording> => send("POST", `${at(id)}/again`);

export interface Upload {
  done: Promise<Recording>;
  abort: () => void;
}

/** Sends one file; `progress` is called with 0..1 while it goes out. */
export function upload(file: File, fields: Record<string, string>, progress: (part: number) => void): Upload {
  const http = new XMLHttpRequest();
  const form = new FormData();
  for (const [key, value] of Object.entries(fields)) form.append(key, value);
  form.append("file", file, file.name);
  const done = new Promise<Recording>((resolve, reject) => {
    http.upload.onprogress = (event) => progress(event.lengthComputable ? event.loaded / event.total : 0);
    http.onload = () => {
      hooks.reached(true);
      if (http.status >= 200 && http.status < 300) resolve(JSON.parse(http.responseText) as Recording);
      else reject(problemOf(http.status, http.responseText));
    };
    http.onerror = () => reject(new ApiError(NO_CONNECTION, "The file did not arrive: the connection to the studio broke off. Try again.", 0));
    http.onabort = () => reject(new ApiError("aborted", "The upload was stopped.", 0));
  });
  http.open("POST", "/api/recordings");
  http.send(form);
  return { done, abort: () => http.abort() };
}

export const mediaUrl = (id: string): string => `${at(id)}/media`;
export const thumbnailUrl = (id: string): string => `${at(id)}/thumbnail`;
export const frameUrl = (id: string, time: number, face?: number | null, width?: number): string =>
  `${at(id)}/frame${query({ time, face, width })}`;

// -- what was measured

export interface LanesQuery {
  face: number;
  units?: number[];
  start?: number;
  end?: number;
  points?: number;
}

export const lanes = (id: string, { units, ...rest }: LanesQuery, signal?: AbortSignal): Promise<Lanes> =>
  get(`${at(id)}/lanes${query({ ...rest, units: units?.join(",") })}`, signal);

/** Faces of at most 20 seconds, for the overlay. */
export const faces = (id: string, start: number, end: number, signal?: AbortSignal): Promise<Faces> =>
  get(`${at(id)}/faces${query({ start, end })}`, signal);

export const strip = async (id: string, face: number, unit: number, count = 8): Promise<{ time: number; value: number }[]> =>
  (await get<{ frames: { time: number; value: number }[] }>(`${at(id)}/strip${query({ face, unit, count })}`)).frames;

export const why = (id: string, time: number, face: number, unit: number, signal?: AbortSignal): Promise<Why> =>
  get(`${at(id)}/why${query({ time, face, unit })}`, signal);

export const summary = (id: string, start?: number, end?: number): Promise<{ rows: SummaryRow[]; [key: string]: unknown }> =>
  get(`${at(id)}/summary${query({ start, end })}`);

export type Plot = "timeline" | "heatmap" | "cooccurrence";
export const plotUrl = (id: string, plot: Plot): string => `${at(id)}/plots/${plot}`;

// -- events and markers

export const events = async (id: string, face?: number): Promise<FaceEvent[]> =>
  (await get<{ events: FaceEvent[] }>(`${at(id)}/events${query({ face })}`)).events;
export const addEvent = (id: string, event: NewEvent): Promise<FaceEvent> => send("POST", `${at(id)}/events`, event);
export const changeEvent = (id: string, event: FaceEvent["id"], change: EventChange): Promise<FaceEvent> =>
  send("PUT", `${at(id)}/events/${event}`, change);
export const removeEvent = (id: string, event: FaceEvent["id"]): Promise<void> => send("DELETE", `${at(id)}/events/${event}`);

export const markers = async (id: string): Promise<Marker[]> => (await get<{ markers: Marker[] }>(`${at(id)}/markers`)).markers;
export const saveMarkers = async (id: string, list: Marker[]): Promise<Marker[]> =>
  (await send<{ markers: Marker[] } | undefined>("PUT", `${at(id)}/markers`, { markers: list }))?.markers ?? list;

export async function importMarkers(id: string, file: File): Promise<{ markers: Marker[]; warnings?: string[] }> {
  const form = new FormData();
  form.append("file", file, file.name);
  const answer = await request(`${at(id)}/markers/file`, { method: "POST", body: form });
  return (await answer.json()) as { markers: Marker[]; warnings?: string[] };
}

// -- two recordings

export interface CompareQuery {
  first: string;
  second: string;
  first_face?: number;
  second_face?: number;
}

export const compare = <T = Agreement | Difference | Record<string, unknown>>(
  kind: CompareKind,
  values: CompareQuery,
  signal?: AbortSignal,
): Promise<T> => get(`/api/compare${query({ ...values, kind })}`, signal);

// -- results as files

export const exportUrl = (id: string, format: string): string => `${at(id)}/export${query({ format })}`;

/** Asks for one export. Either the file's answer, or how far a slow one is (0..1, null: not known). */
export async function exportFile(id: string, format: string, signal?: AbortSignal): Promise<{ ready: Response } | { progress: number | null }> {
  const answer = await request(exportUrl(id, format), { signal });
  if (answer.status !== 202) return { ready: answer };
  const { progress } = (await answer.json()) as { progress?: number | null };
  return { progress: progress ?? null };
}

// -- live

export const sources = async (): Promise<Source[]> => (await get<{ sources: Source[] }>("/api/sources")).sources;
export const addSource = (source: { url: string } | { camera: number }): Promise<Source> => send("POST", "/api/sources", source);
export const removeSource = (id: string): Promise<void> => send("DELETE", `/api/sources/${encodeURIComponent(id)}`);

/** Address of a WebSocket on this server: `socketUrl("/api/live", { model: "compact" })`. */
export function socketUrl(path: string, values: Record<string, Value> = {}): string {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}${query(values)}`;
}

// -- news of all recordings

export interface Listener {
  recording: (changed: Recording) => void;
  gone: (id: string) => void;
  /** Events or markers of a recording have changed. */
  events: (id: string) => void;
  open: () => void;
  lost: () => void;
}

export function updates(listener: Listener): EventSource {
  const source = new EventSource("/api/updates");
  source.addEventListener("recording", (event) => listener.recording(JSON.parse((event as MessageEvent).data)));
  source.addEventListener("gone", (event) => listener.gone(JSON.parse((event as MessageEvent).data).id));
  source.addEventListener("events", (event) => listener.events(JSON.parse((event as MessageEvent).data).id));
  source.onopen = () => listener.open();
  source.onerror = () => listener.lost();
  return source;
}
