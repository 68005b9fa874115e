// Whether the server answers, and whether it still knows this browser.

import { hooks } from "../api";

class Connection {
  up = $state(true);
  /** The server does not know this browser's token (any more). */
  refused = $state(false);
  /** The last thing to tell: lost, or back again. */
  news = $state("");

  reached(yes: boolean): void {
    if (yes === this.up) return;
    this.up = yes;
    this.news = yes ? "The connection to the studio is back." : "The connection to the studio is lost. Trying again.";
  }
}

export const connection = new Connection();

hooks.reached = (yes) => connection.reached(yes);
hooks.refused = () => (connection.refused = true);
