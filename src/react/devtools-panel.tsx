/**
 * The devtools: connection, subscriptions, frames as they pass, pending writes, by
 * `client.inspect`.
 */
import { useEffect, useRef, useState, type ReactElement } from "react";
import { systemClock } from "../std/clock.ts";
import type { TidemarkClient } from "../client/client.ts";
import type { PendingWrite } from "../client/writes/pending-writes.ts";
import type { ConnectionStats, InspectedFrame, SubscriptionStats } from "../client/port.ts";
import { PANEL_CSS } from "./devtools-style.ts";
import { FRAMES_KEPT_MAX, STATES_KEPT_MAX } from "./limits.ts";
import { usePendingWrites } from "./use-live-mutation.ts";
import { useConnection } from "./use-live-query.ts";
import { useNow } from "./use-now.ts";

const TABS = ["Subscriptions", "Frames", "Writes", "Connection"] as const;
type Tab = (typeof TABS)[number];

interface Inspected {
  readonly frames: readonly (InspectedFrame & { readonly number: number })[];
  readonly dropped: number;
  readonly credit: number;
  readonly subscriptions: readonly SubscriptionStats[];
}

const NOTHING: Inspected = { frames: [], dropped: 0, credit: 0, subscriptions: [] };

/** Follows the stream; frames that pass while paused are not kept. */
function useInspected(client: TidemarkClient, isPaused: boolean): Inspected {
  const [inspected, setInspected] = useState(NOTHING);
  const paused = useRef(isPaused);
  paused.current = isPaused;
  useEffect(() => {
    let number = 0;
    return client.inspect(({ frames, dropped, credit, subscriptions }) => {
      const numbered = frames.map((frame) => ({ ...frame, number: number++ }));
      setInspected((before) => ({
        credit,
        subscriptions,
        dropped: before.dropped + dropped,
        frames: paused.current
          ? before.frames
          : [...before.frames, ...numbered].slice(-FRAMES_KEPT_MAX),
      }));
    });
  }, [client]);
  return inspected;
}

/** The states that the connection went through while the panel was open, newest first. */
function useStates({
  state,
  carrier,
}: ConnectionStats): readonly { readonly atMs: number; readonly text: string }[] {
  const [states, setStates] = useState<readonly { readonly atMs: number; readonly text: string }[]>(
    [],
  );
  const text = `${state.kind} over ${carrier}${"reason" in state ? `: ${state.reason}` : ""}`;
  useEffect(
    () =>
      setStates((before) =>
        [{ atMs: systemClock.now(), text }, ...before].slice(0, STATES_KEPT_MAX),
      ),
    [text],
  );
  return states;
}

export default function DevtoolsPanel({
  client,
  onClose,
}: {
  readonly client: TidemarkClient;
  readonly onClose: () => void;
}): ReactElement {
  const [tab, setTab] = useState<Tab>("Subscriptions");
  const [isPaused, setPaused] = useState(false);
  const connection = useConnection({ client });
  const inspected = useInspected(client, isPaused);
  const states = useStates(connection);
  const writes = usePendingWrites({ client });
  const { gaps, drifts, seq, carrier, state } = connection;
  return (
    <section
      className="tidemark-devtools"
      aria-label="Tidemark devtools"
      onKeyDown={({ key }) => key === "Escape" && onClose()}
    >
      <style>{PANEL_CSS}</style>
      <header>
        <strong>Tidemark</strong>
        <span>
          {state.kind}, {carrier}
        </span>
        <span>seq {seq}</span>
        <span>
          lag {connection.lagMs === undefined ? "–" : `${Math.round(connection.lagMs)} ms`}
        </span>
        <span>credit {inspected.credit}</span>
        <span data-bad={gaps > 0}>gaps {gaps}</span>
        <span data-bad={drifts > 0}>drift {drifts}</span>
        <button type="button" onClick={onClose} aria-label="Close">
          ×
        </button>
      </header>
      <nav role="tablist">
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            aria-selected={name === tab}
            onClick={() => setTab(name)}
          >
            {name}{" "}
            {name === "Subscriptions"
              ? inspected.subscriptions.length
              : name === "Writes"
                ? writes.length
                : ""}
          </button>
        ))}
      </nav>
      {tab === "Subscriptions" && <Subscriptions subscriptions={inspected.subscriptions} />}
      {tab === "Frames" && <Frames inspected={inspected} isPaused={isPaused} onPause={setPaused} />}
      {tab === "Writes" && <Writes writes={writes} />}
      {tab === "Connection" && (
        <ol className="body">
          {states.map(({ atMs, text }) => (
            <li key={`${atMs} ${text}`}>
              <time>{timeText(atMs)}</time> {text}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Subscriptions({
  subscriptions,
}: {
  readonly subscriptions: readonly SubscriptionStats[];
}): ReactElement {
  if (subscriptions.length === 0) return <p className="body">No view has a listener.</p>;
  return (
    <div className="body">
      <table>
        <thead>
          <tr>
            <th>query</th>
            <th>status</th>
            <th>seq</th>
            <th>lag</th>
            <th>rows</th>
            <th>queued</th>
            <th>bytes</th>
            <th>resyncs</th>
          </tr>
        </thead>
        <tbody>
          {subscriptions.map(
            ({ id, query, viewId, status, seq, lag, rows, queued, bytes, resyncs }) => (
              <tr key={id}>
                <td title={viewId}>{queryText(query)}</td>
                <td>{status}</td>
                <td>{seq}</td>
                <td>{lag ?? "–"}</td>
                <td>{rows}</td>
                <td>{queued}</td>
                <td>{bytes}</td>
                <td>{resyncs}</td>
              </tr>
            ),
          )}
        </tbody>
      </table>
    </div>
  );
}

function Frames({
  inspected,
  isPaused,
  onPause,
}: {
  readonly inspected: Inspected;
  readonly isPaused: boolean;
  readonly onPause: (isPaused: boolean) => void;
}): ReactElement {
  const [search, setSearch] = useState("");
  const [opened, setOpened] = useState<number>();
  const shown = inspected.frames.filter(({ text }) =>
    text.toLowerCase().includes(search.toLowerCase()),
  );
  return (
    <>
      <div className="tools">
        <button type="button" aria-pressed={isPaused} onClick={() => onPause(!isPaused)}>
          {isPaused ? "Resume" : "Pause"}
        </button>
        <input
          type="search"
          placeholder="Search frames"
          aria-label="Search frames"
          value={search}
          onChange={({ target }) => setSearch(target.value)}
        />
        <span>
          {shown.length} of {inspected.frames.length}
          {inspected.dropped > 0 && `, ${inspected.dropped} dropped`}
        </span>
      </div>
      <ol className="body">
        {shown.toReversed().map(({ number, direction, atMs, bytes, text }) => (
          <li key={number}>
            <button
              type="button"
              className="frame"
              onClick={() => setOpened(opened === number ? undefined : number)}
              aria-expanded={opened === number}
            >
              <time>{timeText(atMs)}</time> {direction === "up" ? "↑" : "↓"} <b>{nameOf(text)}</b>{" "}
              <span>{bytes} B</span> <code>{opened === number ? "" : text}</code>
            </button>
            {opened === number && <pre>{text}</pre>}
          </li>
        ))}
      </ol>
    </>
  );
}

function Writes({ writes }: { readonly writes: readonly PendingWrite[] }): ReactElement {
  const now = useNow();
  if (writes.length === 0) return <p className="body">No write is pending.</p>;
  return (
    <ol className="body">
      {writes.map(({ id, name, input, phase, sinceMs, patches }) => (
        <li key={id}>
          <b>{name}</b> {phase}, {Math.max(0, Math.round((now - sinceMs) / 1_000))} s,{" "}
          {patches.map(({ channel, key }) => `${channel} ${key}`).join(", ")}{" "}
          <code>{JSON.stringify(input)}</code>
        </li>
      ))}
    </ol>
  );
}

function queryText({ channel, ...rest }: SubscriptionStats["query"]): string {
  return Object.keys(rest).length === 0 ? channel : `${channel} ${JSON.stringify(rest)}`;
}

/** `DELTA_BATCH trades`, `HEARTBEAT`, … */
function nameOf(text: string): string {
  const [, op = "", type = ""] = /^\{"op":"(\w+)"(?:,"type":"(\w+)")?/.exec(text) ?? [];
  const channel = /"channel":"([^"]*)"/.exec(text)?.[1];
  return [type === "" ? op : type, channel].filter(Boolean).join(" ");
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 23);
}
