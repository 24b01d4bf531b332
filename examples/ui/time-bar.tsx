/**
 * The control of a page that is rewound: a slider over the span that history holds, play and pause,
 * three speeds, and the way back to live. Keyboard: the arrows step a second on the slider, a minute
 * with Shift; Space plays and pauses anywhere.
 */
import { useEffect, useRef, type KeyboardEvent, type ReactElement } from "react";
import { momentText, pastLabel } from "./moment-text.ts";
import { SPEEDS, type Past } from "./past.ts";
import "./time-bar.css";

const STEP_MS = 1_000;
const BIG_STEP_MS = 60_000;
/** How far back the slider goes where the server does not say since when it has history. */
const UNKNOWN_SPAN_MS = 3_600_000;

export interface TimeBarProps {
  /** What keeps no history, where `keepsHistory` is false. */
  readonly channel: string;
  readonly past: Past;
  /** The moment that is shown. While the past plays, it is ahead of the one in the address. */
  readonly atMs: number;
  readonly exactMs: () => number | undefined;
  /** Since when the channel has history; undefined where that is not known. */
  readonly fromMs: number | undefined;
  readonly keepsHistory: boolean;
  /** The server's present time. */
  readonly presentMs: number;
  /** Why the past does not play on. */
  readonly trouble: string | undefined;
  /** Whether the reader has just opened it. */
  readonly takesFocus: boolean;
  readonly onChange: (past: Past | undefined) => void;
}

export function TimeBar(props: TimeBarProps): ReactElement {
  const { atMs, channel, exactMs, keepsHistory, onChange, past, presentMs, trouble } = props;
  const { isPlaying } = past;
  const toggle = (): void => onChange({ ...past, atMs: exactMs() ?? atMs, isPlaying: !isPlaying });
  useToggleKeys(keepsHistory ? toggle : undefined);
  return (
    <section className="time-bar" aria-label="Time travel" data-playing={isPlaying}>
      <button
        type="button"
        className="play"
        disabled={!keepsHistory}
        title={isPlaying ? "Press Space to pause" : "Press Space to play"}
        onClick={toggle}
      >
        <span aria-hidden="true">{isPlaying ? "❚❚" : "▶"}</span>
        {isPlaying ? "Pause" : "Play"}
      </button>
      <span className="speeds" role="group" aria-label="Speed">
        {SPEEDS.map((speed) => (
          <button
            key={speed}
            type="button"
            disabled={!keepsHistory}
            aria-pressed={past.speed === speed}
            onClick={() => onChange({ ...past, speed, atMs: exactMs() ?? atMs })}
          >
            {speed}×
          </button>
        ))}
      </span>
      {keepsHistory ? (
        <TimeSlider {...props} />
      ) : (
        <span className="slider dim">{channel} keeps no history: it has no past to show.</span>
      )}
      <span className="moment number">
        {trouble === undefined ? (
          pastLabel(past, atMs, presentMs)
        ) : (
          <span className="trouble" role="alert" title={trouble}>
            {trouble}
          </span>
        )}
      </span>
      <button type="button" className="to-live" onClick={() => onChange(undefined)}>
        Back to live
      </button>
    </section>
  );
}

function TimeSlider({
  atMs,
  fromMs,
  past,
  presentMs,
  takesFocus,
  onChange,
}: TimeBarProps): ReactElement {
  const slider = useRef<HTMLInputElement>(null);
  /** It played when the reader took the thumb, and goes on when it is let go. */
  const wasPlaying = useRef(false);
  const first = Math.min(fromMs ?? presentMs - UNKNOWN_SPAN_MS, presentMs);
  useEffect(() => {
    if (takesFocus) slider.current?.focus();
  }, [takesFocus]);
  const moveTo = (toMs: number, isPlaying: boolean): void =>
    onChange({ ...past, atMs: Math.round(Math.max(first, Math.min(presentMs, toMs))), isPlaying });
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.shiftKey ? BIG_STEP_MS : STEP_MS;
    const to = placeOf(event.key, step, { atMs, first, last: presentMs });
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    moveTo(to, past.isPlaying);
  };
  return (
    <span className="slider">
      <span className="end number dim">{momentText(first, presentMs)}</span>
      <input
        ref={slider}
        type="range"
        aria-label="Time"
        aria-valuetext={momentText(atMs, presentMs)}
        min={first}
        max={presentMs}
        step={1}
        value={atMs}
        onPointerDown={() => (wasPlaying.current = past.isPlaying)}
        onPointerUp={() => {
          if (wasPlaying.current) onChange({ ...past, isPlaying: true });
        }}
        onChange={(event) => moveTo(Number(event.target.value), false)}
        onKeyDown={onKeyDown}
      />
      <span className="end dim">now</span>
    </span>
  );
}

function placeOf(
  key: string,
  stepMs: number,
  { atMs, first, last }: { readonly atMs: number; readonly first: number; readonly last: number },
): number | undefined {
  switch (key) {
    case "ArrowLeft":
    case "ArrowDown":
      return atMs - stepMs;
    case "ArrowRight":
    case "ArrowUp":
      return atMs + stepMs;
    case "Home":
      return first;
    case "End":
      return last;
    default:
      return undefined;
  }
}

/** Space and P, wherever they have no other meaning. */
function useToggleKeys(toggle: (() => void) | undefined): void {
  const newest = useRef(toggle);
  useEffect(() => {
    newest.current = toggle;
  });
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent): void => {
      const { target } = event;
      const isText =
        (target instanceof HTMLInputElement && target.type !== "range") ||
        target instanceof HTMLSelectElement;
      const isPress = event.key === " " && !(target instanceof HTMLButtonElement);
      if (isText || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (!isPress && event.key.toLowerCase() !== "p") return;
      event.preventDefault();
      newest.current?.();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}
