/** The edge of the table list: dragging or the arrow keys change its width, which is stored. */
import {
  useEffect,
  useState,
  type KeyboardEvent,
  type PointerEvent,
  type ReactElement,
} from "react";

const STORAGE_KEY = "tidemark.side-width";
const DEFAULT_PX = 296;
const MIN_PX = 200;
const MAX_PX = 640;
const STEP_PX = 16;

export function SideResizer(): ReactElement {
  const [width, setWidth] = useState(readWidth);
  useEffect(() => {
    document.documentElement.style.setProperty("--side-width", `${width}px`);
    localStorage.setItem(STORAGE_KEY, String(width));
  }, [width]);
  const onPointerMove = (event: PointerEvent<HTMLDivElement>): void => {
    if (event.currentTarget.hasPointerCapture(event.pointerId)) setWidth(clamped(event.clientX));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = event.key === "ArrowRight" ? STEP_PX : event.key === "ArrowLeft" ? -STEP_PX : 0;
    if (by === 0) return;
    setWidth((before) => clamped(before + by));
    event.preventDefault();
  };
  return (
    <div
      className="side-resizer"
      role="separator"
      aria-orientation="vertical"
      aria-label="Width of the table list"
      aria-valuenow={width}
      aria-valuemin={MIN_PX}
      aria-valuemax={MAX_PX}
      tabIndex={0}
      title="Drag, or use ← →; double-click for the usual width"
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={onPointerMove}
      onDoubleClick={() => setWidth(DEFAULT_PX)}
      onKeyDown={onKeyDown}
    />
  );
}

function readWidth(): number {
  const stored = Number(localStorage.getItem(STORAGE_KEY) ?? DEFAULT_PX);
  return Number.isFinite(stored) ? clamped(stored) : DEFAULT_PX;
}

function clamped(width: number): number {
  return Math.round(Math.max(MIN_PX, Math.min(MAX_PX, width)));
}
