/** A moment of the past in words. */
import type { Past } from "./past.ts";

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const date = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });

/** `12:03:05`; of another day than now with the day, of another year with the year. */
export function momentText(atMs: number, nowMs: number): string {
  const [at, now] = [new Date(atMs), new Date(nowMs)];
  if (at.toDateString() === now.toDateString()) return clock.format(at);
  const isThisYear = at.getFullYear() === now.getFullYear();
  return `${(isThisYear ? day : date).format(at)} ${clock.format(at)}`;
}

/** `as of 12:03:04, 10×` */
export function pastLabel({ speed, isPlaying }: Past, atMs: number, nowMs: number): string {
  return `as of ${momentText(atMs, nowMs)}, ${isPlaying ? `${speed}×` : "paused"}`;
}
