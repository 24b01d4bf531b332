/** The menu of shown columns. The server does not send hidden ones. */
import { lazy, Suspense, useEffect, useRef, useState, type ReactElement } from "react";
import type { Column } from "../src/client/index.ts";

/** Loaded when the menu is first opened. */
const ColumnChoice = lazy(async () => ({
  default: (await import("./column-choice.tsx")).ColumnChoice,
}));

export interface ColumnMenuProps {
  readonly all: readonly Column[];
  /** Columns that are always sent: those of the key and the sort. */
  readonly required: ReadonlySet<string>;
  readonly shown: ReadonlySet<string>;
  readonly onChange: (columns: readonly string[] | undefined) => void;
}

export function ColumnMenu(props: ColumnMenuProps): ReactElement {
  const { all, shown } = props;
  const [isOpened, setIsOpened] = useState(false);
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
  return (
    <details className="menu" ref={details} onToggle={() => setIsOpened(true)}>
      <summary>Columns {shown.size < all.length ? `${shown.size} of ${all.length}` : ""}</summary>
      {isOpened && (
        <Suspense fallback={<div className="menu-body" />}>
          <ColumnChoice {...props} />
        </Suspense>
      )}
    </details>
  );
}
