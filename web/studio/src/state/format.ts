// Numbers as people read them.

const pad = (value: number): string => String(value).padStart(2, "0");

/** 75.234 -> "1:15.23"; 3675 -> "1:01:15.00". `digits` after the point. */
export function clock(seconds: number | null | undefined, digits = 2): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const scale = 10 ** digits;
  const all = Math.round(Math.abs(seconds) * scale);
  const whole = Math.floor(all / scale);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const rest = digits ? "." + String(all % scale).padStart(digits, "0") : "";
  return (seconds < 0 ? "−" : "") + (h ? `${h}:${pad(m)}` : m) + `:${pad(s)}${rest}`;
}

/** "1:15.23", "75.2" or "1:01:15" -> seconds; null where it is no time. */
export function readClock(text: string): number | null {
  const parts = text.trim().replace(",", ".").split(":");
  if (parts.length > 3 || parts.some((part) => !/^\d+(\.\d+)?$/.test(part))) return null;
  return parts.reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** "2 h 5 min", "3 min 20 s", "45 s". */
export function span(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h} h ${m} min` : s ? `${m} min ${s} s` : `${m} min`;
}

export function size(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return "–";
  const steps = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let step = 0;
  while (value >= 1000 && step < steps.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${value < 10 && step ? value.toFixed(1) : Math.round(value)} ${steps[step]}`;
}

export function number(value: number | null | undefined, digits = 2): string {
  return value === null || value === undefined || !Number.isFinite(value) ? "–" : value.toFixed(digits);
}

export const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? "–" : `${Math.round(value * 100)} %`;

/** 6 -> "AU6", with a side "AU6 left". */
export const unitName = (unit: number, side?: string | null): string => `AU${unit}${side ? ` ${side}` : ""}`;

export function count(value: number, one: string, many = one + "s"): string {
  return `${value} ${value === 1 ? one : many}`;
}

export function when(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  const today = new Date().toDateString() === date.toDateString();
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return today ? `today, ${time}` : `${date.toLocaleDateString([], { year: "numeric", month: "short", day: "numeric" })}, ${time}`;
}
