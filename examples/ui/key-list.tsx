/** The list of a page's keyboard shortcuts, which `?` opens. */
import type { ReactElement } from "react";
import "./key-list.css";

export function KeyList({
  keys,
}: {
  readonly keys: readonly (readonly [keys: string, meaning: string])[];
}): ReactElement {
  return (
    <div className="shortcuts" role="dialog" aria-label="Keyboard shortcuts">
      <dl>
        {keys.map(([pressed, meaning]) => (
          <div key={pressed}>
            <dt className="mono">{pressed}</dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
