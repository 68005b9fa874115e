// The keyboard of the recording view; the same list is its help.

export interface KeyHelp {
  keys: string[];
  does: string;
}

export const KEYS: KeyHelp[] = [
  { keys: ["Space"], does: "play or pause" },
  { keys: ["←", "→"], does: "one frame back or on" },
  { keys: ["Shift ←", "Shift →"], does: "one second back or on" },
  { keys: ["↑", "↓"], does: "the unit above or below" },
  { keys: ["[", "]"], does: "the event before or after" },
  { keys: ["A"], does: "accept the event" },
  { keys: ["R"], does: "reject the event" },
  { keys: ["I", "O"], does: "the event begins or ends at the playhead" },
  { keys: ["N"], does: "a new event of the chosen unit at the playhead" },
  { keys: ["M"], does: "a new marker at the playhead" },
  { keys: ["+", "−"], does: "zoom in or out around the playhead" },
  { keys: ["0"], does: "show the whole recording" },
  { keys: ["Ctrl Z"], does: "undo the last correction" },
  { keys: ["Esc"], does: "leave the event" },
  { keys: ["?"], does: "this help" },
];

const WRITES = "input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select, [contenteditable]";
const PRESSES = "button, a, summary, input";

/** Name of the key if the page may take it: not while somebody writes, nor where the browser needs it. */
export function keyOf(event: KeyboardEvent): string | null {
  const target = event.target as HTMLElement;
  if (event.altKey || event.isComposing || target.closest(WRITES) || document.querySelector("dialog[open]")) return null;
  if (event.ctrlKey || event.metaKey) return event.key.toLowerCase() === "z" && !event.shiftKey ? "undo" : null;
  if ((event.key === " " || event.key === "Enter") && target.closest(PRESSES)) return null;
  if (event.key.startsWith("Arrow") && target.closest("[role=tab], input[type=range], input[type=radio]")) return null;
  if (event.key.startsWith("Arrow") && event.shiftKey) return `Shift${event.key}`;
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}
