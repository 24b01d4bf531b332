/** The bounds of the hooks and the devtools. */

/** Frames that the devtools keep. When the list is full, the oldest frame goes. */
export const FRAMES_KEPT_MAX = 500;

/** Connection states that the devtools keep. When the list is full, the oldest goes. */
export const STATES_KEPT_MAX = 30;

/**
 * Milliseconds that a suspended component's view stays subscribed after its first rows. A component
 * that waited has subscribed by then, even if it waits for other queries too.
 */
export const MOUNT_MS_MAX = 10_000;

/** Milliseconds that TanStack Query keeps an entry that nobody uses, and its subscription. */
export const ENTRY_UNUSED_MS = 10 * 60_000;

/** Milliseconds between fetches over HTTP while the stream is not live. */
export const REFETCH_MS = 5_000;

/**
 * Milliseconds of rendering that paced components take of one animation frame. What does not fit
 * waits for the next frame. Layout and paint need about as much again.
 */
export const FRAME_WORK_MS = 4;
