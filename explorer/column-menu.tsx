/** The menu of shown columns. The server does not send hidden ones. */
import { useEffect, useRef, type ReactElement } from "react";
import type { Column } from "../src/client/index.ts";

export function ColumnMenu({
  all,
  required,
  shown,
  onChange,
}: {
  readonly all: readonly Column[];
  /** Columns that are always sent: those of the key and the sort. */
  readonly required: ReadonlySet<string>;
  readonly shown: ReadonlySet<string>;
  readonly onChange: (columns: readonly string[] | undefined) => void;
}): ReactElement {
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event): void => {
      const element = details.current;
      if (element?.open !== true) return;
      if (
        event instanceof KeyboardEvent
          ? event.key === "Escape"
          : !element.contains(event.target as Node)
      )
        element.open = false;
    };
    addEventListener("pointerdown", close);
    addEventListener("keydown", close);
    return () => {
      removeEventListener("pointerdown", close);
      removeEventListener("keydown", close);
    };
  }, []);
  const toggle = (name: string, isShown: boolean): void => {
    const next = all
      .map((column) => column.name)
      .filter((other) => (other === name ? isShown : shown.has(other)));
    onChange(next.length === all.length ? undefined : next);
  };
  return (
    <details className="menu" ref={details}>
      <summary>Columns {shown.size < all.length ? `${shown.size} of ${all.length}` : ""}</summary>
      <div className="menu-body">
        {all.map(({ name, type }) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={shown.has(name)}
              disabled={required.has(name)}
              onChange={(event) => toggle(name, event.target.checked)}
            />
            <span>{name}</span>
            <span className="dim">{type}</span>
          </label>
        ))}
        <button type="button" className="plain" onClick={() => onChange(undefined)}>
          Show all
        </button>
      </div>
    </details>
  );
}
