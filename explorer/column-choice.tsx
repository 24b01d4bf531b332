/** What the menu of columns has: a box for each column. */
import type { ReactElement } from "react";
import type { ColumnMenuProps } from "./column-menu.tsx";
import "./column-choice.css";

export function ColumnChoice({ all, required, shown, onChange }: ColumnMenuProps): ReactElement {
  const toggle = (name: string, isShown: boolean): void => {
    const next = all
      .map((column) => column.name)
      .filter((other) => (other === name ? isShown : shown.has(other)));
    onChange(next.length === all.length ? undefined : next);
  };
  return (
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
  );
}
