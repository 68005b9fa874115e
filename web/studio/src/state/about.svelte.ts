// What the program is and can do, asked once.

import * as api from "../api";

class AboutState {
  value = $state.raw<api.About | null>(null);
  problem = $state("");

  async load(): Promise<void> {
    try {
      this.value = await api.about();
      this.problem = "";
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }

  unit(number: number): api.ActionUnit | undefined {
    return this.value?.action_units.find((unit) => unit.unit === number);
  }

  /** "Lip corner puller", or "" where the number is not known. */
  name(number: number): string {
    const name = this.unit(number)?.name ?? "";
    return name ? name[0]!.toUpperCase() + name.slice(1) : "";
  }
}

export const about = new AboutState();
