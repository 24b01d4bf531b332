/** Messages of refused writes, with a button to try again where that may help. */
import type { ReactElement } from "react";
import type { Toast } from "./use-actions.ts";

export function Toasts({
  toasts,
  onDismiss,
}: {
  readonly toasts: readonly Toast[];
  readonly onDismiss: (id: number) => void;
}): ReactElement {
  return (
    <div className="toasts" role="alert">
      {toasts.map(({ id, text, retry }) => (
        <div key={id} className="toast">
          <p>{text}</p>
          {retry !== undefined && (
            <button type="button" onClick={retry}>
              Try again
            </button>
          )}
          <button
            type="button"
            className="plain"
            aria-label="Dismiss"
            onClick={() => onDismiss(id)}
          >
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
