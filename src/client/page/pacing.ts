/**
 * When the page takes a commit: with the next animation frame, so that it renders at most once per
 * frame and not at all while hidden; at once where there are no frames.
 */

export interface Pacing {
  /**
   * Runs `take` when the page is ready to show something, with the time of the animation frame if
   * it is one.
   */
  next(take: (atMs?: number) => void): void;
  /**
   * Calls back with whether the page is hidden, now and on each change; returns a function that
   * stops it.
   */
  watchHidden(listener: (isHidden: boolean) => void): () => void;
}

export const immediately: Pacing = {
  next: (take) => take(),
  watchHidden: () => () => {},
};

function withFrames(page: Document, requestFrame: Pacing["next"]): Pacing {
  return {
    next: (take) => requestFrame(take),
    watchHidden(listener) {
      const tell = (): void => listener(page.visibilityState === "hidden");
      page.addEventListener("visibilitychange", tell);
      tell();
      return () => page.removeEventListener("visibilitychange", tell);
    },
  };
}

/** The default pacing of the platform. */
export function platformPacing(): Pacing {
  return typeof document === "undefined" || typeof requestAnimationFrame === "undefined"
    ? immediately
    : withFrames(document, (take) => requestAnimationFrame(take));
}
