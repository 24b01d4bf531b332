/** The moment that a page is rewound to, and its place in the address. */
export const SPEEDS = [1, 10, 60] as const;

export interface Past {
  /** Unix milliseconds. While it plays, the moment moves on. */
  readonly atMs: number;
  /** Times faster than it was. */
  readonly speed: (typeof SPEEDS)[number];
  readonly isPlaying: boolean;
}

export function pastIn(parameters: URLSearchParams): Past | undefined {
  const atMs = Date.parse(parameters.get("at") ?? "");
  if (Number.isNaN(atMs)) return undefined;
  const speed = SPEEDS.find((each) => String(each) === parameters.get("speed")) ?? 1;
  return { atMs, speed, isPlaying: parameters.get("play") === "1" };
}

/** The other way. */
export function setPast(parameters: URLSearchParams, past: Past | undefined): void {
  for (const name of ["at", "speed", "play"]) parameters.delete(name);
  if (past === undefined) return;
  parameters.set("at", new Date(past.atMs).toISOString());
  if (past.speed !== 1) parameters.set("speed", String(past.speed));
  if (past.isPlaying) parameters.set("play", "1");
}
