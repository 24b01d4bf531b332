/**
 * A memoised list under `useLiveQuery`: it renders when rows change, and not when their freshness
 * does.
 */
import { act, createElement, memo, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, expect, it, vi } from "vitest";
import { createClient, type WebSocketLike } from "../client/node.ts";
import type { Row } from "../protocol/row.ts";
import { ManualClock } from "../std/manual-clock.ts";
import { seededRandom } from "../std/random.ts";
import { useFreshness, useLiveQuery } from "./use-live-query.ts";

/** As much of a page as React needs for components that show nothing. */
function stubPage(): Element {
  const listeners = { addEventListener: () => {}, removeEventListener: () => {} };
  const document = { ...listeners, nodeType: 9, activeElement: null };
  vi.stubGlobal("window", { ...listeners, document, HTMLIFrameElement: Object });
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  return {
    ...listeners,
    nodeType: 1,
    nodeName: "DIV",
    tagName: "DIV",
    namespaceURI: "http://www.w3.org/1999/xhtml",
    ownerDocument: document,
  } as unknown as Element;
}

const sockets: FakeSocket[] = [];
class FakeSocket implements WebSocketLike {
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;

  constructor() {
    sockets.push(this);
  }

  send(): void {}
  close(): void {}

  hear(...frames: readonly object[]): void {
    for (const frame of frames)
      this.onmessage?.({ data: JSON.stringify({ op: "DISPATCH", channel: "c", ...frame }) });
  }
}

const watermark = (seq: number): object => ({
  type: "WATERMARK",
  seq,
  server_time_unix_ms: 1_700_000_000_000 + seq * 1_000,
  as_of: {},
});

afterEach(() => vi.unstubAllGlobals());

it("renders the list when a row changes, and only the badge when freshness moves", async () => {
  const root = createRoot(stubPage());
  const client = createClient({
    url: "ws://x/v2/stream",
    WebSocket: FakeSocket,
    fetch: () => Promise.reject(new Error("no network")),
    clock: new ManualClock(),
    random: seededRandom(1),
  });
  const rendered: { lists: (readonly Row[])[]; freshness: (number | undefined)[] } = {
    lists: [],
    freshness: [],
  };
  const List = memo(({ rows }: { readonly rows: readonly Row[] }): ReactNode => {
    rendered.lists.push(rows);
    return null;
  });
  const Page = (): ReactNode => {
    const { rows } = useLiveQuery({ channel: "c" }, { client });
    const { asOf } = useFreshness({ channel: "c" }, { client });
    rendered.freshness.push(asOf);
    return createElement(List, { rows });
  };
  await act(async () => root.render(createElement(Page)));
  const socket = sockets[0] as FakeSocket;
  await act(async () => {
    socket.onopen?.(undefined as never);
    socket.hear({
      op: "HELLO",
      protocol: 6,
      session_id: "sess_h",
      heartbeat_interval_ms: 15_000,
      identify_timeout_ms: 10_000,
      server_time_unix_ms: 1_700_000_000_000,
    });
  });
  await act(async () =>
    socket.hear(
      { type: "READY", session_id: "sess_t", epoch: "e1", seq: 0 },
      {
        type: "SUBSCRIBED",
        index: 0,
        view: "c",
        epoch: "e1",
        key: ["id"],
        columns: [],
        order_by: [],
        mode: "snapshot",
        reason: "no_cursor",
      },
      { type: "CHANNEL_STATUS", status: "live", since_unix_ms: 1, partial: false },
      { type: "SNAPSHOT", seq: 1, part: 0, more: false, rows: [{ id: "a" }] },
      watermark(1),
    ),
  );
  const lists = rendered.lists.length;
  const renders = rendered.freshness.length;
  expect(rendered.lists.at(-1)).toEqual([{ id: "a" }]);
  for (const seq of [2, 3, 4]) await act(async () => socket.hear(watermark(seq)));
  expect([rendered.lists.length, rendered.freshness.length]).toEqual([lists, renders + 3]);
  await act(async () =>
    socket.hear(
      { type: "DELTA_BATCH", prev_seq: 1, seq: 5, patch: { upsert: [{ id: "b" }], remove: [] } },
      watermark(5),
    ),
  );
  expect(rendered.lists.slice(lists)).toEqual([[{ id: "a" }, { id: "b" }]]);
  await act(async () => root.unmount());
  client.close();
});
