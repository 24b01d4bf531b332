/**
 * What the page costs its reader, measured as the names say, over the last ten seconds: frames that
 * were missed, the time from a commit of the stream to its paint, and the heap of the page.
 */
import { live } from "./client.ts";

export interface PageFigures {
  readonly ui_render_drop_ratio: number;
  /** The slowest of the samples; undefined without any. */
  readonly ui_render_commit_ms: number | undefined;
  /** Undefined where the browser does not tell. */
  readonly ui_heap_used_mb: number | undefined;
}

const FRAME_MS = 1_000 / 60;
const READ_MS = 10_000;
const MB = 1_048_576;

/** Calls back with the figures of each ten seconds. Returns what ends that. */
export function measurePage(onFigures: (figures: PageFigures) => void): () => void {
  let [frames, missed, lastMs] = [0, 0, performance.now()];
  let slowestMs: number | undefined;
  let isWaiting = false;
  let handle = 0;
  const onFrame = (atMs: number): void => {
    // A hidden page has no frames to miss.
    if (atMs - lastMs < 1_000) missed += Math.max(0, Math.round((atMs - lastMs) / FRAME_MS) - 1);
    frames++;
    lastMs = atMs;
    handle = requestAnimationFrame(onFrame);
  };
  handle = requestAnimationFrame(onFrame);
  // A view's listeners are called when a commit has been applied.
  const stop = live.live({ channel: "chain.main" }).subscribe(() => {
    if (isWaiting || document.hidden) return;
    isWaiting = true;
    const beganMs = performance.now();
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      // Its message comes after the frame is painted.
      port1.addEventListener("message", () => {
        slowestMs = Math.max(slowestMs ?? 0, performance.now() - beganMs);
        isWaiting = false;
        port1.close();
      });
      port1.start();
      port2.postMessage(undefined);
    });
  });
  const timer = setInterval(() => {
    onFigures({
      ui_render_drop_ratio: missed / Math.max(1, frames + missed),
      ui_render_commit_ms: slowestMs,
      ui_heap_used_mb: heapMb(),
    });
    [frames, missed, slowestMs] = [0, 0, undefined];
  }, READ_MS);
  return () => {
    cancelAnimationFrame(handle);
    clearInterval(timer);
    stop();
  };
}

function heapMb(): number | undefined {
  const { memory } = performance as { memory?: { readonly usedJSHeapSize: number } };
  return memory && memory.usedJSHeapSize / MB;
}
