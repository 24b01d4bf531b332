/** What the parts of a page that is rewound know of its moment. */
import { createContext } from "react";
import type { Past } from "./page-state.ts";

/** The moment in whole seconds, up to which ages are counted; undefined while the page is live. */
export const PastContext = createContext<number | undefined>(undefined);

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
