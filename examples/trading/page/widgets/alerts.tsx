/**
 * Alerts: rows that meet one of a few conditions on columns. The conditions stand in the address;
 * the sound is off until somebody turns it on.
 */
import { useEffect, useRef, useState, type ReactElement } from "react";
import type { LiveQueryResult } from "tidemark/react";
import type { Quote, Trade } from "../../channels.ts";
import { COLUMNS } from "../../columns.ts";
import { groupDigits } from "../../../ui/format.ts";
import { clockText } from "../format.ts";
import { FAST, useLiveQuery } from "../hooks.ts";
import type { AlertRule } from "../page-state.ts";
import { useIsRewound } from "../rewound.ts";
import { useMarketState } from "../symbols.tsx";
import { useBadge } from "../use-badge.ts";
import { filtersOf } from "../use-filters.ts";
import { WidgetFrame } from "../widget-frame.tsx";
import type { WidgetProps } from "../widget-props.ts";
import { beep } from "../beep.ts";

const ROWS_MAX = 30;
const RULES_MAX = 8;

export function Alerts(props: WidgetProps): ReactElement {
  const { widget, onChange } = props;
  const { alerts } = widget;
  const [isLoud, setIsLoud] = useState(false);
  const isRewound = useIsRewound();
  const badge = useBadge(useMarketState());
  const add = (rule: AlertRule): void => {
    if (!alerts.some((each) => keyOf(each) === keyOf(rule))) replace([...alerts, rule]);
  };
  const replace = (rules: readonly AlertRule[]): void => onChange({ alerts: rules });
  return (
    <WidgetFrame
      {...props}
      title="Alerts"
      {...badge}
      tools={
        <button
          type="button"
          className="plain small"
          aria-pressed={isLoud}
          onClick={() => setIsLoud(!isLoud)}
        >
          {isLoud ? "Sound on" : "Sound off"}
        </button>
      }
    >
      <div className="alerts">
        <NewRule isFull={alerts.length >= RULES_MAX} onAdd={add} />
        {alerts.map((rule, index) => (
          <Alert
            // Rows of the past are no news of the present, and the other way round.
            key={`${isRewound} ${keyOf(rule)}`}
            rule={rule}
            isLoud={isLoud}
            onRemove={() => replace(alerts.filter((_, place) => place !== index))}
          />
        ))}
      </div>
    </WidgetFrame>
  );
}

function keyOf({ channel, column, text }: AlertRule): string {
  return `${channel}.${column} ${text}`;
}

function NewRule({
  isFull,
  onAdd,
}: {
  readonly isFull: boolean;
  readonly onAdd: (rule: AlertRule) => void;
}): ReactElement {
  const [channel, setChannel] = useState<AlertRule["channel"]>("trades");
  const [column, setColumn] = useState("quantity");
  const [text, setText] = useState("");
  const { where, errors } = filtersOf(channel, { [column]: text });
  const error = errors[column];
  return (
    <form
      className="new-rule"
      onSubmit={(event) => {
        event.preventDefault();
        if (where === undefined || isFull) return;
        onAdd({ channel, column, text: text.trim() });
        setText("");
      }}
    >
      <select
        aria-label="Rows of"
        value={channel}
        onChange={({ target }) => {
          const next = target.value === "quotes" ? "quotes" : "trades";
          setChannel(next);
          setColumn(next === "quotes" ? "ask" : "quantity");
        }}
      >
        <option>trades</option>
        <option>quotes</option>
      </select>
      <select aria-label="Column" value={column} onChange={({ target }) => setColumn(target.value)}>
        {Object.keys(COLUMNS[channel]).map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <input
        aria-label="Condition"
        placeholder=">100, 1..9, =buy, /^BTC/"
        value={text}
        title={error}
        aria-invalid={error !== undefined}
        spellCheck={false}
        onChange={({ target }) => setText(target.value)}
      />
      <button type="submit" disabled={where === undefined || isFull}>
        Add alert
      </button>
      {error !== undefined && <p role="alert">{error}</p>}
    </form>
  );
}

function Alert({
  rule,
  isLoud,
  onRemove,
}: {
  readonly rule: AlertRule;
  readonly isLoud: boolean;
  readonly onRemove: () => void;
}): ReactElement {
  const { channel, column, text } = rule;
  const view = useMatches(rule);
  const count = useNewMatches(view.status === "loading" ? undefined : view.keys, isLoud);
  return (
    <article className="alert">
      <header>
        <strong>
          {channel} <span className="dim">where</span> {column.replace("_", " ")} {text}
        </strong>
        <span className="number dim">{count === 0 ? "no new match" : `${count} new`}</span>
        <button
          type="button"
          className="plain small"
          aria-label={`Remove the alert ${channel} ${column} ${text}`}
          onClick={onRemove}
        >
          Remove
        </button>
      </header>
      {view.status === "refused" ? (
        <p className="dim">{view.reason}</p>
      ) : view.keys.length === 0 ? (
        <p className="dim">No row matches now.</p>
      ) : (
        <ol>
          {view.rows.slice(0, 6).map((row, index) => (
            <li key={view.keys[index]}>
              <span className="dim">{row.time === null ? "" : clockText(row.time)}</span>
              <span>{row.symbol}</span>
              <span className="number">{valueText(row, column)}</span>
              <span className="dim">{contextText(row)}</span>
            </li>
          ))}
        </ol>
      )}
    </article>
  );
}

/** The newest rows that meet the rule. */
function useMatches({ channel, column, text }: AlertRule): LiveQueryResult<Trade | Quote> {
  const newest = { orderBy: [{ column: "time", direction: "desc" }], limit: ROWS_MAX } as const;
  const filters = { [column]: text };
  const ofTrades = channel === "trades" ? filtersOf("trades", filters).where : undefined;
  const ofQuotes = channel === "quotes" ? filtersOf("quotes", filters).where : undefined;
  const trades = useLiveQuery(ofTrades && { channel: "trades", where: ofTrades, ...newest }, FAST);
  const quotes = useLiveQuery(ofQuotes && { channel: "quotes", where: ofQuotes, ...newest }, FAST);
  return channel === "trades" ? trades : quotes;
}

function valueText(row: Trade | Quote, column: string): string {
  const value = (row as unknown as Readonly<Record<string, unknown>>)[column];
  return typeof value === "string" ? groupDigits(value) : String(value);
}

function contextText(row: Trade | Quote): string {
  return "side" in row
    ? `${row.side} at ${groupDigits(row.price)}`
    : `${groupDigits(row.bid)} / ${groupDigits(row.ask)}`;
}

/** Counts the rows that began to match after the first ones were there, and sounds for them. */
function useNewMatches(keys: readonly string[] | undefined, isLoud: boolean): number {
  const known = useRef<ReadonlySet<string>>(undefined);
  const [count, setCount] = useState(0);
  useEffect(() => {
    const before = known.current;
    known.current = keys && new Set(keys);
    if (keys === undefined) return;
    if (before === undefined) return;
    const found = keys.filter((key) => !before.has(key)).length;
    if (found === 0) return;
    setCount((sum) => sum + found);
    if (isLoud) beep();
  }, [keys, isLoud]);
  return count;
}
