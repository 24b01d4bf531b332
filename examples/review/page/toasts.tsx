/** Messages of refused writes, with buttons for what the user can do about them. */
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
      {toasts.map(({ id, text, choices }) => (
        <div key={id} className="toast">
          <p>{text}</p>
          <button
            type="button"
            className="plain"
            aria-label="Dismiss"
            onClick={() => onDismiss(id)}
          >
            ×
          </button>
          {choices.length > 0 && (
            <div className="choices">
              {choices.map(({ label, run }) => (
                <button
                  key={label}
                  type="button"
                  onClick={() => {
                    onDismiss(id);
                    run();
                  }}
                >
                  {label}
                </button>
              ))}
            </div>
          )}
        </div>
      ))}
    </div>
  );
}
