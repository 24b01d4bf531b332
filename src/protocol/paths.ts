/** The names of a server's routes, which clients of it use, too. */

/** Paths that can be renamed. */
export interface Paths {
  /** The paths from `snapshot` to `replay` are relative to it. */
  readonly base: string;
  readonly snapshot: string;
  readonly rows: string;
  /** Descriptions of channels. */
  readonly channels: string;
  readonly stream: string;
  /** Server-sent events; the client's messages go to `up`. */
  readonly sse: string;
  readonly up: string;
  /** Polls. */
  readonly changes: string;
  readonly mutations: string;
  /** Waits until a write that another endpoint made is visible. */
  readonly visible: string;
  readonly history: string;
  /** Rows for the program's own channels. */
  readonly ingest: string;
  /** What pages report of themselves, where the server takes it. */
  readonly telemetry: string;
  /** Replays of the past, over a WebSocket. */
  readonly replay: string;
  /** For operators; whole paths. */
  readonly stats: string;
  readonly metrics: string;
  /** For load balancers; whole paths. */
  readonly healthz: string;
  readonly readyz: string;
}
