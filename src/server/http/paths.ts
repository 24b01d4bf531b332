/** Where the routes are. */

/** Paths that can be renamed. Those under `base` are relative to it. */
export interface Paths {
  readonly base: string;
  readonly snapshot: string;
  readonly rows: string;
  readonly stream: string;
  /** Server-sent events; what a client says goes to `up`. */
  readonly sse: string;
  readonly up: string;
  /** Polls. */
  readonly changes: string;
  readonly mutations: string;
  /** Waits until a write that another endpoint made is visible. */
  readonly visible: string;
}

export const PATHS: Paths = {
  base: "/v2",
  snapshot: "/snapshot",
  rows: "/rows",
  stream: "/stream",
  sse: "/sse",
  up: "/up",
  changes: "/changes",
  mutations: "/mutations",
  visible: "/landed",
};
