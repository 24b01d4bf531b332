/**
 * The frame of a widget: its title, by which it is moved, what it shows of its state, its filters,
 * and the corner that resizes it. All of it works by keyboard: on the title, arrows move, arrows
 * with Shift resize, and Delete removes.
 */
import { useState, type ReactElement, type ReactNode } from "react";
import { Badge, type BadgeStatus } from "../../ui/badge.tsx";
import { useArranging } from "./arranging.ts";
import { COLUMNS } from "../columns.ts";
import { FilterBar, type FilterTexts } from "../../ui/filter-bar.tsx";
import type { ChannelName } from "./use-filters.ts";
import type { WidgetProps } from "./widget-props.ts";

export interface WidgetFrameProps extends WidgetProps {
  readonly title: string;
  readonly status: BadgeStatus;
  readonly reason?: string | undefined;
  /** The channel whose columns can be filtered; undefined for none. */
  readonly channel?: ChannelName;
  readonly filterErrors?: FilterTexts;
  /** Beside the title: the widget's own choices. */
  readonly tools?: ReactNode;
  readonly children: ReactNode;
}

export function WidgetFrame({
  widget,
  onChange,
  title,
  status,
  reason,
  channel,
  filterErrors = {},
  tools,
  children,
}: WidgetFrameProps): ReactElement {
  const { move, resize, onTitleKey } = useArranging(widget);
  const count = Object.values(widget.filters).filter((text) => text !== "").length;
  const [isOpen, setIsOpen] = useState(false);
  return (
    <section
      className="widget"
      data-kind={widget.kind}
      data-widget={widget.id}
      aria-label={title}
      style={{
        gridColumn: `${widget.box.x + 1} / span ${widget.box.w}`,
        gridRow: `${widget.box.y + 1} / span ${widget.box.h}`,
      }}
    >
      <header onPointerDown={move}>
        <button
          type="button"
          className="plain grip"
          title="Drag to move. Arrows move, Shift with arrows resizes, Delete removes."
          onKeyDown={onTitleKey}
        >
          <h2>{title}</h2>
        </button>
        {tools}
        <span className="spacer" />
        <Badge status={status} why={reason} />
        {channel !== undefined && (
          <button
            type="button"
            className="plain small"
            data-filter
            aria-expanded={isOpen}
            title={count === 0 ? "Filter (/)" : `${count} filters (/)`}
            onClick={() => setIsOpen(!isOpen)}
          >
            {count === 0 ? "Filter" : `Filter ${count}`}
          </button>
        )}
      </header>
      {channel !== undefined && (isOpen || count > 0) && (
        <FilterBar
          columns={Object.keys(COLUMNS[channel])}
          filters={widget.filters}
          errors={filterErrors}
          onChange={(filters) => onChange({ filters })}
        />
      )}
      <div className="widget-body">{children}</div>
      <span className="resizer" aria-hidden="true" onPointerDown={resize} />
    </section>
  );
}
