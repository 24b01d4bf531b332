/** Where the routes are. */

/** Paths that can be renamed. */
export interface Paths {
  /** The paths from `snapshot` to `visible` are relative to it. */
  readonly base: string;
  readonly snapshot: string;
  readonly rows: string;
  /** What channels are. */
  readonly channels: string;
  readonly stream: string;
  /** Server-sent events; what a client says goes to `up`. */
  readonly sse: string;
  readonly up: string;
  /** Polls. */
  readonly changes: string;
  readonly mutations: string;
  /** Waits until a write that another endpoint made is visible. */
  readonly visible: string;
  /** For operators; whole paths. */
  readonly stats: string;
  readonly metrics: string;
  /** For load balancers; whole paths. */
  readonly healthz: string;
  readonly readyz: string;
}

export const PATHS: Paths = {
  base: "/v2",
  snapshot: "/snapshot",
  rows: "/rows",
  channels: "/channels",
  stream: "/stream",
  sse: "/sse",
  up: "/up",
  changes: "/changes",
  mutations: "/mutations",
  visible: "/landed",
  stats: "/stats",
  metrics: "/metrics",
  healthz: "/healthz",
  readyz: "/readyz",
};

export function operationPaths({ stats, metrics, healthz, readyz }: Paths): readonly string[] {
  return [stats, metrics, healthz, readyz];
}
