// Addresses after the #: #/, #/recording/ID?t=12.5&face=0, #/compare, #/live, #/about.

export interface Route {
  page: string;
  id: string;
  query: URLSearchParams;
}

function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [page = "", id = ""] = path.split("/");
  return { page: page || "library", id: decodeURIComponent(id), query: new URLSearchParams(query) };
}

class Router {
  route = $state.raw<Route>(parse(location.hash));

  start(): void {
    window.addEventListener("hashchange", () => (this.route = parse(location.hash)));
  }
}

export const router = new Router();

export const recordingLink = (id: string): string => `#/recording/${encodeURIComponent(id)}`;
