/** `/ws/heatmap` and `/api/heatmap` of the heatmap example: literal messages, over its server. */
import { tmpdir } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import { heatmapAnswer, heatmapSocket } from "../examples/heatmap/dialect.ts";
import { createHeatmap, type HeatmapServerOptions } from "../examples/heatmap/server.ts";
import { channel, createTidemark } from "../src/index.ts";
import { HEATMAP_COLUMNS, HEATMAP_KEY, type HeatmapRow } from "../examples/heatmap/channels.ts";
import { PlainSocket } from "./support/plain-socket.ts";
import { silent } from "./support/silent.ts";
import { atEnd, stopAll } from "./support/trades-server.ts";

afterEach(stopAll);

interface Message {
  readonly type: string;
  readonly timestamp: number | null;
  readonly data: {
    readonly times: readonly number[];
    readonly prices: readonly number[];
    readonly values: readonly (readonly number[])[];
    readonly closes: readonly number[];
    readonly price: number;
    readonly as_of: number;
  };
}

interface Changes {
  readonly cells: readonly (readonly [number, number, number])[];
  readonly removes: readonly (readonly [number, number])[];
  readonly closes: readonly (readonly [number, number])[];
  readonly removed_times: readonly number[];
}

const SYMBOLS = { symbols: ["BTCUSDT", "ETHUSDT"], firstMsMax: 60_000 };
const [FIRST, SECOND] = [1_795_000_000_000, 1_795_000_060_000];

const column = (time: number, close: number, asOf?: number): HeatmapRow => ({
  symbol: "BTCUSDT",
  time,
  price: 0,
  value: close,
  ...(asOf !== undefined && { step: 100, as_of: asOf }),
});
const cell = (time: number, price: number, value: number): HeatmapRow => ({
  symbol: "BTCUSDT",
  time,
  price,
  value,
});

/** The messages alone, over rows that the test writes. */
async function startMessages() {
  const tidemark = createTidemark({
    channels: {
      heatmap: channel<HeatmapRow>({ key: [...HEATMAP_KEY], columns: HEATMAP_COLUMNS }),
    },
    dialects: [heatmapSocket(SYMBOLS), heatmapAnswer(SYMBOLS)],
    logger: silent,
  });
  atEnd(() => tidemark.stop());
  const { url } = await tidemark.listen({ port: 0 });
  const say = (message: object): PlainSocket => {
    const client = new PlainSocket(`${url.replace("http", "ws")}/ws/heatmap`);
    client.socket.on("open", () => client.socket.send(JSON.stringify(message)));
    return client;
  };
  return { tidemark, url, say };
}

async function start(options: Partial<HeatmapServerOptions> = {}) {
  const heatmap = await createHeatmap({
    port: 0,
    assets: tmpdir(),
    feed: { kind: "built-in", pastMs: 3 * 60_000, rowsPerSecond: 100 },
    everyMs: 100,
    minutes: 5,
    logLevel: "silent",
    ...options,
  });
  atEnd(() => heatmap.stop());
  const address = `${heatmap.url.replace("http", "ws")}/ws/heatmap`;
  return { heatmap, address };
}

describe("the messages of the heatmap", () => {
  it("are these, whole or with what changes, and the REST twin has the data of the whole", async () => {
    const { tidemark, url, say } = await startMessages();
    const rows = tidemark.channel("heatmap");
    await rows.upsert([
      column(FIRST, 64_000),
      column(SECOND, 64_100, SECOND + 5_000),
      cell(FIRST, 63_000, 12_300),
      cell(SECOND, 63_200, 456),
    ]);
    const whole = say({ type: "subscribe", symbols: ["BTCUSDT"] });
    const changes = say({ type: "subscribe", symbols: ["BTCUSDT"], mode: "changes" });
    const data = {
      symbol: "BTCUSDT",
      times: [FIRST, SECOND],
      prices: [63_000, 63_100, 63_200],
      values: [
        [12_300, 0],
        [0, 0],
        [0, 456],
      ],
      closes: [64_000, 64_100],
      step: 100,
      price: 64_100,
      as_of: SECOND + 5_000,
    };
    const snapshot = {
      type: "snapshot",
      symbol: "BTCUSDT",
      timestamp: SECOND + 5_000,
      data,
    };
    const status = { type: "status", status: "live", since_unix_ms: expect.any(Number) };
    for (const client of [whole, changes]) {
      await expect.poll(() => dataIn(client)).toEqual([snapshot]);
      await expect.poll(() => client.messages).toContainEqual(status);
    }
    const answer = await fetch(`${url}/api/heatmap?symbol=BTCUSDT`);
    expect([answer.status, answer.headers.get("content-type"), await answer.json()]).toEqual([
      200,
      "application/json",
      data,
    ]);
    const third = SECOND + 60_000;
    await tidemark.transact((transaction) => {
      transaction.remove(
        "heatmap",
        [0, 63_000].map((price) => JSON.stringify(["BTCUSDT", String(FIRST), String(price)])),
      );
      transaction.remove("heatmap", JSON.stringify(["BTCUSDT", String(SECOND), "63200"]));
      transaction.upsert("heatmap", [
        column(SECOND, 64_050),
        column(third, 64_060, third),
        cell(third, 64_400, 7),
        cell(SECOND, 64_300, 8),
      ]);
    });
    await expect
      .poll(() => dataIn(changes).at(-1))
      .toEqual({
        type: "changes",
        symbol: "BTCUSDT",
        timestamp: third,
        data: {
          cells: [
            [third, 64_400, 7],
            [SECOND, 64_300, 8],
          ],
          removes: [[SECOND, 63_200]],
          closes: [
            [SECOND, 64_050],
            [third, 64_060],
          ],
          removed_times: [FIRST],
          step: 100,
          price: 64_060,
          as_of: third,
        },
      });
    await expect
      .poll(() => dataIn(whole).at(-1))
      .toEqual({
        type: "snapshot",
        symbol: "BTCUSDT",
        timestamp: third,
        data: {
          symbol: "BTCUSDT",
          times: [SECOND, third],
          prices: [64_300, 64_400],
          values: [
            [8, 0],
            [0, 7],
          ],
          closes: [64_050, 64_060],
          step: 100,
          price: 64_060,
          as_of: third,
        },
      });
    // A symbol without rows yet, the end of a subscription, and the answer to a ping.
    whole.socket.send(JSON.stringify({ type: "unsubscribe", symbols: ["BTCUSDT"] }));
    whole.socket.send(JSON.stringify({ type: "subscribe", symbols: ["ETHUSDT"] }));
    await expect
      .poll(() => whole.messages)
      .toContainEqual({
        type: "snapshot",
        symbol: "ETHUSDT",
        timestamp: null,
        data: { symbol: "ETHUSDT", times: [], prices: [], values: [], closes: [], step: 0 },
      });
    const before = dataIn(whole).length;
    await rows.upsert(cell(third, 64_400, 9));
    await expect.poll(() => dataIn(changes).at(-1)).toMatchObject({ data: { removes: [] } });
    whole.socket.send(JSON.stringify({ type: "ping" }));
    await expect.poll(() => dataIn(whole).slice(before)).toEqual([{ type: "pong" }]);
  });

  it("refuse what they do not know, and say what there is", async () => {
    const { say } = await startMessages();
    for (const [message, words] of [
      [{ type: "subscribe", symbols: [7] }, "Say {"],
      [{ type: "subscribe", symbols: ["BTCUSDT"], mode: "half" }, "Say {"],
      [{ type: "listen", symbols: ["BTCUSDT"] }, "Say {"],
      ["subscribe", "Say {"],
    ] as const) {
      const client = say(message as object);
      await expect.poll(() => client.closedWith?.reason).toBe("BAD_MESSAGE");
      expect(client.messages.at(-1)).toEqual({
        type: "error",
        code: "BAD_MESSAGE",
        message: expect.stringContaining(words),
      });
    }
  });

  it("refuse an unknown symbol alone, and serve the others", async () => {
    const { tidemark, url, say } = await startMessages();
    const client = say({ type: "subscribe", symbols: ["FOO", "BTCUSDT", "BAR"] });
    const empty = { times: [], prices: [], values: [], closes: [], step: 0 };
    const refused = (symbol: string) => ({
      type: "error",
      code: "BAD_OPTION",
      symbol,
      message: `There is no symbol "${symbol}"; there are BTCUSDT, ETHUSDT.`,
    });
    const first = { type: "snapshot", symbol: "BTCUSDT", timestamp: null };
    const whole = { ...first, data: { symbol: "BTCUSDT", ...empty } };
    await expect.poll(() => dataIn(client).length).toBe(3);
    expect(new Set(dataIn(client))).toEqual(new Set([refused("FOO"), refused("BAR"), whole]));
    client.socket.send(JSON.stringify({ type: "unsubscribe", symbols: ["FOO"] }));
    await tidemark.channel("heatmap").upsert(column(FIRST, 64_000, FIRST));
    await expect.poll(() => dataIn(client).at(-1)).toMatchObject({ timestamp: FIRST });
    expect([dataIn(client).length, client.closedWith]).toEqual([4, undefined]);
    const answer = await fetch(`${url}/api/heatmap?symbol=FOO`);
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { code: "BAD_OPTION", message: refused("FOO").message },
    ]);
  });
});

describe("the heatmap's server", { timeout: 120_000 }, () => {
  it("calculates one heatmap for all who watch, and what changes leads to what is whole", async () => {
    const runs: string[] = [];
    const { heatmap, address } = await start({ onCalculated: (symbol) => void runs.push(symbol) });
    expect(runs).toEqual([]);
    const answer = await fetch(`${heatmap.url}/api/heatmap?symbol=ETHUSDT`);
    expect(await answer.json()).toMatchObject({ symbol: "ETHUSDT", step: 5 });
    const subscribe = { type: "subscribe", symbols: ["BTCUSDT"] };
    const [changes, ...wholes] = (["changes", "whole", "whole"] as const).map((mode) => {
      const client = new PlainSocket(address);
      client.socket.on("open", () => client.socket.send(JSON.stringify({ ...subscribe, mode })));
      return client;
    }) as [PlainSocket, PlainSocket, PlainSocket];
    const cellsOf = ({ data }: Message): ReadonlyMap<string, number> =>
      new Map(
        data.prices.flatMap((price, line) =>
          data.times.flatMap((time, place) => {
            const value = data.values[line]?.[place] ?? 0;
            return value === 0 ? [] : [[`${time} ${price}`, value] as const];
          }),
        ),
      );
    const wholeAt = new Map<number | null, ReadonlyMap<string, number>>();
    const changedAt = new Map<number | null, ReadonlyMap<string, number>>();
    const shared = (): readonly (number | null)[] =>
      [...changedAt.keys()].filter((time) => wholeAt.has(time));
    onMessage(wholes[0], (message) => {
      if (message.type === "snapshot") wholeAt.set(message.timestamp, cellsOf(message));
    });
    let cells = new Map<string, number>();
    onMessage(changes, (message) => {
      if (message.type === "snapshot") cells = new Map(cellsOf(message));
      if (message.type !== "changes") return;
      applyChanges(cells, message.data as unknown as Changes);
      changedAt.set(message.timestamp, new Map(cells));
    });
    await expect.poll(() => shared().length, { timeout: 60_000 }).toBeGreaterThan(2);
    for (const time of shared())
      expect([...(changedAt.get(time) ?? [])].toSorted()).toEqual(
        [...(wholeAt.get(time) ?? [])].toSorted(),
      );
    await expect.poll(() => wholes[1].messages.length).toBeGreaterThan(2);
    const { sources } = heatmap.stats() as {
      sources: Record<
        string,
        { queries: readonly { parameters: object; watchers: number; runs: number }[] }
      >;
    };
    const btc = sources["polled:heatmap"]?.queries.find(
      ({ parameters }) => JSON.stringify(parameters) === '{"symbol":"BTCUSDT"}',
    );
    expect(btc).toMatchObject({ watchers: 1 });
    expect(runs.filter((symbol) => symbol === "BTCUSDT").length - (btc?.runs ?? 0)).toBeLessThan(2);
  });

  it("without a socket answers the REST twin, and says so in its settings", async () => {
    const { heatmap, address } = await start({ hasSocket: false });
    const client = new PlainSocket(address);
    await expect.poll(() => client.closedWith).toBeDefined();
    expect(client.messages).toEqual([]);
    const settings = await fetch(`${heatmap.url}/v2/snapshot?channels=settings`);
    expect(await settings.json()).toMatchObject({
      channels: { settings: { rows: [{ id: "heatmap", has_socket: false, every_ms: 100 }] } },
    });
    const answer = await fetch(`${heatmap.url}/api/heatmap?symbol=BTCUSDT`);
    expect(await answer.json()).toMatchObject({ symbol: "BTCUSDT", step: 100 });
  });
});

function applyChanges(cells: Map<string, number>, changes: Changes): void {
  const gone = new Set(changes.removed_times.map(String));
  for (const key of cells.keys()) if (gone.has(key.split(" ", 1)[0] ?? "")) cells.delete(key);
  for (const [time, price] of changes.removes) cells.delete(`${time} ${price}`);
  for (const [time, price, value] of changes.cells) cells.set(`${time} ${price}`, value);
}

function onMessage({ socket }: PlainSocket, take: (message: Message) => void): void {
  socket.on("message", (data) => take(JSON.parse(String(data)) as Message));
}

/** The messages without statuses, which the server repeats. */
function dataIn({ messages }: PlainSocket): readonly Message[] {
  return (messages as readonly Message[]).filter(({ type }) => type !== "status");
}
