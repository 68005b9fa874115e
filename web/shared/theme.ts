// Light or dark: the system's choice, or the reader's, kept in this browser.

export type Choice = "system" | "light" | "dark";

const KEY = "aufait-theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");

function stored(): Choice {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system"; // storage forbidden
  }
}

function show(choice: Choice): void {
  const dark = choice === "dark" || (choice === "system" && system.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  window.dispatchEvent(new Event("aufait-theme"));
}

/** Sets `data-theme` on the page and follows the system. Pictures on canvases listen to `aufait-theme` on window. */
export function startTheme(): void {
  show(stored());
  system.addEventListener("change", () => show(stored()));
}

export function currentTheme(): Choice {
  return stored();
}

export function chooseTheme(choice: Choice): void {
  try {
    if (choice === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    // storage forbidden: the choice lasts as long as the page
  }
  show(choice);
}

/** Value of a CSS variable, for canvases: `colour("--accent")`. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
