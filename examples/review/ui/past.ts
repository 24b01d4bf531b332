/** The moment that a page is rewound to: in its address, and in words. */
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

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** `12:03:05`, on another day than now `31 Jan 12:03:05`; in the reader's time zone. */
export function momentText(atMs: number, nowMs: number): string {
  const isToday = new Date(atMs).toDateString() === new Date(nowMs).toDateString();
  return isToday ? clock.format(atMs) : `${day.format(atMs)} ${clock.format(atMs)}`;
}

/** `as of 12:03:04, 10×` */
export function pastLabel({ speed, isPlaying }: Past, atMs: number, nowMs: number): string {
  return `as of ${momentText(atMs, nowMs)}, ${isPlaying ? `${speed}×` : "paused"}`;
}
