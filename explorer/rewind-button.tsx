/** Opens the time slider, on a table that keeps history. */
import type { ReactElement } from "react";
import { useKey } from "./use-key.ts";

export function RewindButton({
  isPossible,
  onRewind,
}: {
  readonly isPossible: boolean;
  readonly onRewind: () => void;
}): ReactElement {
  useKey("t", isPossible ? onRewind : undefined);
  return (
    <button
      type="button"
      className="rewind"
      aria-label="Rewind"
      disabled={!isPossible}
      title={isPossible ? "Show an earlier time. Press T" : "This table keeps no history"}
      onClick={onRewind}
    >
      <span className="sign" aria-hidden="true">
        ◀◀
      </span>
      <span className="word">Rewind</span>
    </button>
  );
}
