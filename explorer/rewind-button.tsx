/** Opens the time slider, on a table that keeps history. */
import { useEffect, type ReactElement } from "react";

export function RewindButton({
  isPossible,
  onRewind,
}: {
  readonly isPossible: boolean;
  readonly onRewind: () => void;
}): ReactElement {
  useEffect(() => {
    if (!isPossible) return undefined;
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== "t" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement)
        return;
      event.preventDefault();
      onRewind();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [isPossible, onRewind]);
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
