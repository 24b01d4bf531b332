/** One row of the worklist. A cell flashes when its text changes. */
import { memo, useEffect, useRef, type MouseEvent, type ReactElement } from "react";
import { hint } from "../../ui/hint.ts";
import { ROW_HEIGHT } from "../../ui/use-virtual-rows.ts";
import type { Result } from "./client.ts";
import { formatConfidence, statusText } from "./result-columns.ts";
import type { Present } from "./use-presence.ts";

export interface WorkRowProps {
  readonly index: number;
  readonly result: Result;
  readonly isPending: boolean;
  /** The column of the cell cursor; -1 when the row is not selected. */
  readonly activeColumn: number;
  readonly who: readonly Present[] | undefined;
  readonly onPress: (key: string, column: number) => void;
}

const SIGNS: Readonly<Record<Result["status"], string>> = {
  pending: "·",
  accepted: "✓",
  rejected: "✕",
};

export const WorkRow = memo(function WorkRow({
  index,
  result,
  isPending,
  activeColumn,
  who = [],
  onPress,
}: WorkRowProps): ReactElement {
  const { id, document: file, field, value, confidence, status, is_flagged: isFlagged } = result;
  const cell = (column: number, className: string): string =>
    `cell ${className}${column === activeColumn ? " active" : ""}`;
  return (
    <div
      id={`row-${id}`}
      className="grid-row"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={activeColumn >= 0}
      data-key={id}
      data-pending={isPending}
      style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
      onClick={(event) => onPress(id, columnOf(event))}
    >
      <div role="gridcell" className={cell(0, "c-document mono")}>
        {file}
      </div>
      <div role="gridcell" className={cell(1, "c-field dim")}>
        {field}
      </div>
      <Changing className={cell(2, "c-value")} text={value} />
      <div role="gridcell" className={cell(3, "c-confidence number")}>
        {formatConfidence(confidence)}
        <span className="dim"> %</span>
      </div>
      <Changing
        className={cell(4, "c-status")}
        text={`${SIGNS[status]} ${statusText(status)}`}
        status={status}
      />
      <div role="gridcell" className="cell c-who">
        {isFlagged && (
          <span className="flag" title="Flagged">
            ⚑
          </span>
        )}
        {who.map(({ id: person, name }) => (
          <span key={person} className="chip" title={`${name} has this result open`}>
            {name.slice(0, 2)}
          </span>
        ))}
      </div>
    </div>
  );
});

/** The column of the pressed cell; -1 beside the cells. */
function columnOf({ target, currentTarget }: MouseEvent): number {
  return [...currentTarget.children].findIndex((cell) => cell.contains(target as Node));
}

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
