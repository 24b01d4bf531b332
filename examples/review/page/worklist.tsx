/**
 * The results to review, the least certain first, in a virtualised list with keyboard navigation.
 */
import { memo, useEffect, useRef, type ReactElement, type ReactNode } from "react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { hint } from "../ui/hint.ts";
import type { Result } from "./client.ts";
import type { Present } from "./use-presence.ts";

const ROW_HEIGHT = 28;

export interface WorklistProps {
  readonly keys: readonly string[];
  readonly row: (key: string) => Result | undefined;
  readonly isPending: (key: string) => boolean;
  readonly selected: string | undefined;
  readonly onSelect: (key: string) => void;
  readonly present: ReadonlyMap<string, readonly Present[]>;
  readonly isStale: boolean;
  readonly isLoading: boolean;
  readonly empty: ReactNode;
}

export function Worklist({
  keys,
  row,
  isPending,
  selected,
  onSelect,
  present,
  isStale,
  isLoading,
  empty,
}: WorklistProps): ReactElement {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: keys.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    getItemKey: (index) => keys[index] ?? index,
    overscan: 8,
    scrollPaddingStart: 36,
  });
  const index = selected === undefined ? -1 : keys.indexOf(selected);
  const wasSelected = useRef(selected);
  useEffect(() => {
    // Scrolls when the selection changes, not when rows move.
    if (wasSelected.current !== selected && index >= 0) virtual.scrollToIndex(index);
    wasSelected.current = selected;
  }, [selected, index, virtual]);
  return (
    <div
      className="grid worklist"
      ref={scroller}
      role="grid"
      aria-label="Worklist"
      aria-rowcount={keys.length + 1}
      tabIndex={0}
      data-stale={isStale}
    >
      <div className="grid-head" role="row" aria-rowindex={1}>
        {["document", "field", "value", "sure", "status", ""].map((name) => (
          <div key={name} role="columnheader" className={`cell c-${name === "" ? "who" : name}`}>
            {name}
          </div>
        ))}
      </div>
      <div
        className="grid-body"
        style={{ height: isLoading ? 20 * ROW_HEIGHT : virtual.getTotalSize() }}
      >
        {isLoading &&
          Array.from({ length: 20 }, (_, line) => (
            <div
              key={line}
              className="grid-row"
              style={{ transform: `translateY(${line * ROW_HEIGHT}px)` }}
            >
              <div className="cell c-document">
                <span className="skeleton" style={{ width: 90 }} />
              </div>
              <div className="cell c-field">
                <span className="skeleton" style={{ width: 70 }} />
              </div>
              <div className="cell c-value">
                <span className="skeleton" style={{ width: 120 + ((line * 37) % 80) }} />
              </div>
            </div>
          ))}
        {virtual.getVirtualItems().map(({ index: place, start }) => {
          const key = keys[place];
          const result = key === undefined ? undefined : row(key);
          return key === undefined || result === undefined ? null : (
            <WorkRow
              key={key}
              index={place}
              result={result}
              top={start}
              isPending={isPending(key)}
              isSelected={key === selected}
              who={present.get(key)}
              onPress={onSelect}
            />
          );
        })}
      </div>
      {keys.length === 0 && !isLoading && empty}
    </div>
  );
}

interface WorkRowProps {
  readonly index: number;
  readonly result: Result;
  readonly top: number;
  readonly isPending: boolean;
  readonly isSelected: boolean;
  readonly who: readonly Present[] | undefined;
  readonly onPress: (key: string) => void;
}

const SIGNS: Readonly<Record<Result["status"], string>> = {
  pending: "·",
  accepted: "✓",
  rejected: "✕",
};

const WorkRow = memo(function WorkRow({
  index,
  result,
  top,
  isPending,
  isSelected,
  who = [],
  onPress,
}: WorkRowProps): ReactElement {
  const { id, document: file, field, value, confidence, status, is_flagged: isFlagged } = result;
  return (
    <div
      className="grid-row"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      data-key={id}
      data-pending={isPending}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onPress(id)}
    >
      <div role="gridcell" className="cell c-document mono">
        {file}
      </div>
      <div role="gridcell" className="cell c-field dim">
        {field}
      </div>
      <Changing className="cell c-value" text={value} />
      <div role="gridcell" className="cell c-sure number">
        {(confidence * 100).toFixed(1)}
        <span className="dim"> %</span>
      </div>
      <Changing
        className="cell c-status"
        text={`${SIGNS[status]} ${status === "pending" ? "to review" : status}`}
        status={status}
      />
      <div role="gridcell" className="cell c-who">
        {isFlagged && (
          <span className="flag" title="flagged">
            ⚑
          </span>
        )}
        {who.map(({ id: person, name }) => (
          <span key={person} className="chip" title={`${name} looks at this`}>
            {name.slice(0, 2)}
          </span>
        ))}
      </div>
    </div>
  );
});

/** A cell that flashes when its text changes. */
function Changing({
  className,
  text,
  status,
}: {
  readonly className: string;
  readonly text: string;
  readonly status?: string;
}): ReactElement {
  const element = useRef<HTMLDivElement>(null);
  const before = useRef(text);
  useEffect(() => {
    const hasChanged = before.current !== text;
    before.current = text;
    if (hasChanged && element.current !== null) hint(element.current);
  }, [text]);
  return (
    <div ref={element} role="gridcell" className={className} data-status={status}>
      {text}
    </div>
  );
}
