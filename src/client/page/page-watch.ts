/** The platform's events about the page and the network, as messages to the engine. */
import type { ToEngine } from "../port.ts";
import type { Pacing } from "./pacing.ts";

/** Returns a function that stops it. */
export function watchPage(pacing: Pacing, post: (message: ToEngine) => void): () => void {
  const stopHidden = pacing.watchHidden((isHidden) => post({ kind: "hidden", isHidden }));
  if (typeof document === "undefined") return stopHidden;
  const online = (): void => post({ kind: "network", isBack: true });
  const offline = (): void => post({ kind: "network", isBack: false });
  addEventListener("online", online);
  addEventListener("offline", offline);
  return () => {
    stopHidden();
    removeEventListener("online", online);
    removeEventListener("offline", offline);
  };
}
