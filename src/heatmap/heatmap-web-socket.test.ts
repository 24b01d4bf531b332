/** The drop-in script against literal frames, on a manual clock: no server, no browser. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { ManualClock } from "../std/manual-clock.ts";
import { HeatmapWebSocket, type HeatmapOptions } from "./heatmap-web-socket.ts";
import type { HeatmapData } from "./messages.ts";
import type { HeatmapSocket } from "./socket-line.ts";

class ScriptedSocket implements HeatmapSocket {
  onopen: HeatmapSocket["onopen"] = null;
  onmessage: HeatmapSocket["onmessage"] = null;
  onclose: HeatmapSocket["onclose"] = null;
  readonly sent: unknown[] = [];
  isClosed = false;

  send(text: string): void {
    if (this.isClosed) throw new Error("closed");
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.isClosed = true;
  }
  open(): void {
    this.onopen?.({} as never);
  }
  say(message: unknown): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }
  fail(): void {
    this.onclose?.({ code: 1006, reason: "" });
  }
}

const data = (fields: Partial<HeatmapData> = {}): HeatmapData => ({
  symbol: "BTCUSDT",
  times: [300_000, 600_000],
  prices: [99, 100, 101],
  values: [
    [5, 6],
    [0, 0],
    [0, 7],
  ],
  closes: [98, 100],
  step: 1,
  price: 100,
  as_of: 1_000,
  ...fields,
});
const snapshot = (fields: Partial<HeatmapData> = {}) => {
  const whole = data(fields);
  return { type: "snapshot", symbol: whole.symbol, timestamp: whole.as_of, data: whole };
};
const PONG = { type: "pong" };
const PING = { type: "ping" };
const SUBSCRIBE = { type: "subscribe", symbols: ["BTCUSDT"], mode: "changes" };

let clock: ManualClock;
let sockets: ScriptedSocket[];
let words: string[];
let reasons: (string | undefined)[];
let shown: HeatmapData[];
let asked: string[];
let answer: (url: string) => Promise<{ ok: boolean; status: number; json(): Promise<unknown> }>;

beforeEach(() => {
  clock = new ManualClock();
  sockets = [];
  words = [];
  reasons = [];
  shown = [];
  asked = [];
  answer = () => Promise.reject(new TypeError("Failed to fetch"));
});

const newest = (): ScriptedSocket => sockets.at(-1) as ScriptedSocket;
/** Changes of the symbol. */
const say = (changes: object): void => {
  const whole = { removed_times: [], removes: [], closes: [], cells: [], ...changes };
  newest().say({ type: "changes", symbol: "BTCUSDT", timestamp: 2_000, data: whole });
};
/** Lets answers of the scripted REST twin arrive. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
};
/** Moves time in seconds, so that answers arrive between timers. */
const pass = async (seconds: number): Promise<void> => {
  for (let second = 0; second < seconds; second++) {
    clock.advance(1_000);
    await settle();
  }
};

function heatmap(options: HeatmapOptions = {}): HeatmapWebSocket {
  return new HeatmapWebSocket("ws://host/ws/heatmap", {
    onSnapshot: (whole) => shown.push(whole),
    onStatusChange: (status, { reason }) => {
      words.push(status);
      reasons.push(reason);
    },
    clock,
    createSocket: () => {
      const socket = new ScriptedSocket();
      sockets.push(socket);
      return socket;
    },
    fetch: (url) => {
      asked.push(url);
      return answer(url);
    },
    ...options,
  });
}

function connected(options: HeatmapOptions = {}): HeatmapWebSocket {
  const made = heatmap(options);
  made.subscribe(["BTCUSDT"]);
  made.connect();
  newest().open();
  newest().say(PONG);
  newest().say(snapshot());
  return made;
}

/** Fails the first attempt and those after 2, 4, 8, 16 and 32 s. */
function failLadder(): void {
  newest().fail();
  for (const seconds of [2, 4, 8, 16, 32]) {
    clock.advance(seconds * 1_000);
    newest().fail();
  }
}

describe("HeatmapWebSocket", () => {
  it("subscribes once it is open, and gives the whole data", () => {
    connected();
    expect(newest().sent).toEqual([PING, SUBSCRIBE]);
    expect(words).toEqual(["connecting", "connected"]);
    expect(shown).toEqual([data()]);
  });

  it("makes whole data of changes", () => {
    const made = connected();
    say({
      cells: [
        [900_000, 103, 8],
        [600_000, 99, 0.5],
      ],
      removes: [[600_000, 101]],
      removed_times: [300_000],
      closes: [[900_000, 102]],
      price: 102,
      as_of: 2_000,
    });
    const whole = data({
      times: [600_000, 900_000],
      prices: [99, 100, 101, 102, 103],
      values: [
        [0.5, 0],
        [0, 0],
        [0, 0],
        [0, 0],
        [0, 8],
      ],
      closes: [100, 102],
      price: 102,
      as_of: 2_000,
    });
    expect(shown.at(-1)).toEqual(whole);
    expect(made.data("BTCUSDT")).toEqual(whole);
    // Another step has other levels; a column that is not told yet is not shown.
    say({
      removes: [
        [600_000, 99],
        [900_000, 103],
      ],
      cells: [
        [600_000, 99.5, 2],
        [900_000, 100.5, 3],
        [1_200_000, 100, 4],
      ],
      step: 0.5,
    });
    expect(shown.at(-1)).toEqual({
      ...whole,
      prices: [99.5, 100, 100.5],
      values: [
        [2, 0],
        [0, 0],
        [0, 3],
      ],
      step: 0.5,
    });
    say({ closes: [[1_200_000, 100]] });
    expect(shown.at(-1)?.values[1]).toEqual([0, 0, 4]);
    say({ removed_times: [600_000, 900_000, 1_200_000], closes: [[1_500_000, 100]] });
    expect(shown.at(-1)).toMatchObject({ times: [1_500_000], prices: [], values: [] });
  });

  it("shows nothing while the server has no estimate, and keeps what it has", () => {
    const made = connected();
    const empty = { symbol: "BTCUSDT", times: [], prices: [], values: [], closes: [], step: 0 };
    newest().say({ type: "snapshot", symbol: "BTCUSDT", timestamp: null, data: empty });
    expect(shown).toHaveLength(1);
    expect(made.data("BTCUSDT")).toEqual(data());
    say({ closes: [[300_000, 98]], cells: [[300_000, 99, 5]], step: 1, price: 98, as_of: 3_000 });
    expect(shown.at(-1)).toMatchObject({ prices: [99], values: [[5]], as_of: 3_000 });
  });

  it("tries again after exactly 2, 4, 8, 16 and 32 s, and then polls", async () => {
    const made = heatmap();
    made.subscribe(["BTCUSDT"]);
    made.connect();
    newest().fail();
    for (const [attempt, seconds] of [2, 4, 8, 16, 32].entries()) {
      clock.advance(seconds * 1_000 - 1);
      expect(sockets).toHaveLength(attempt + 1);
      clock.advance(1);
      expect(sockets).toHaveLength(attempt + 2);
      expect(made.status).toBe("reconnecting");
      newest().fail();
    }
    answer = () => Promise.resolve({ ok: true, status: 200, json: async () => data() });
    await settle();
    expect(asked).toEqual(["http://host/api/heatmap?symbol=BTCUSDT"]);
    expect(words).toEqual(["connecting", "reconnecting", "polling"]);
    expect(reasons.at(-1)).toBe("The server can't be reached (code 1006).");
    await pass(5);
    expect(asked).toHaveLength(2);
    expect(shown).toEqual([data()]);
    made.disconnect();
    expect(clock.pending).toBe(0);
  });

  it("comes back from polling when a later attempt is answered", async () => {
    const made = heatmap();
    made.subscribe(["BTCUSDT"]);
    made.connect();
    failLadder();
    await pass(30);
    expect([sockets.length, made.status]).toEqual([7, "stale"]);
    newest().open();
    expect(made.status).toBe("stale");
    newest().say(PONG);
    newest().say(snapshot());
    expect(words.slice(-2)).toEqual(["stale", "connected"]);
    const polls = asked.length;
    await pass(9);
    expect(asked).toHaveLength(polls);
    // It was lost at once: polls again, without the ladder.
    newest().fail();
    expect(made.status).toBe("polling");
  });

  it("is stale while polls fail, or bring nothing newer, and is not when they do", async () => {
    let asOf = 1;
    answer = () =>
      Promise.resolve({ ok: true, status: 200, json: async () => data({ as_of: asOf++ }) });
    const made = heatmap();
    made.subscribe(["BTCUSDT"]);
    made.connect();
    failLadder();
    await pass(29);
    expect(made.status).toBe("polling");
    answer = () => Promise.resolve({ ok: true, status: 200, json: async () => data({ as_of: 1 }) });
    await pass(20);
    expect([made.status, reasons.at(-1)]).toEqual([
      "stale",
      "BTCUSDT: the server's data does not get newer.",
    ]);
    answer = () =>
      Promise.resolve({ ok: true, status: 200, json: async () => data({ as_of: 99 }) });
    await pass(5);
    expect(made.status).toBe("polling");
    answer = () => Promise.resolve({ ok: false, status: 503, json: async () => ({}) });
    await pass(25);
    expect(made.status).toBe("stale");
    // A probe that fails changes nothing of that.
    newest().fail();
    expect(made.status).toBe("stale");
    expect(words.filter((word) => word === "polling")).toHaveLength(2);
  });

  it("begins the ladder anew after a connection that lasted", async () => {
    connected();
    await pass(10);
    newest().say(PONG);
    newest().fail();
    clock.advance(2_000);
    expect(sockets).toHaveLength(2);
    newest().open();
    expect(newest().sent).toEqual([PING, SUBSCRIBE]);
    newest().say(PONG);
    expect(words).toEqual(["connecting", "connected", "reconnecting", "connected"]);
  });

  it("keeps the data over a lost connection, and takes no changes before whole data", async () => {
    const made = connected();
    newest().fail();
    clock.advance(2_000);
    newest().open();
    say({ cells: [[600_000, 99, 1]], price: 1, as_of: 5_000 });
    expect(made.data("BTCUSDT")).toEqual(data());
    newest().say(snapshot({ as_of: 6_000 }));
    expect(made.data("BTCUSDT")?.as_of).toBe(6_000);
  });

  it("asks a silent server for a sign of life, says that it is stale, and gives it up", () => {
    const made = connected();
    clock.advance(10_000);
    expect(newest().sent.slice(2)).toEqual([PING]);
    clock.advance(9_000);
    expect(made.status).toBe("connected");
    clock.advance(1_000);
    expect([made.status, reasons.at(-1)]).toEqual(["stale", "The server says nothing."]);
    const silent = newest();
    clock.advance(10_000);
    expect(silent.isClosed).toBe(true);
    expect(words).toEqual(["connecting", "connected", "stale", "reconnecting"]);
  });

  it("is stale while the server says so, with its reason", () => {
    connected();
    const status = { type: "status", since_unix_ms: 1 };
    newest().say({ ...status, status: "stale", reason: "the query timed out" });
    newest().say({ ...status, status: "live" });
    expect(words.slice(1)).toEqual(["connected", "stale", "connected"]);
    expect(reasons[2]).toBe("the query timed out");
  });

  it("is stale when a symbol gets no data although the server answers", () => {
    const made = connected();
    made.subscribe(["ETHUSDT"]);
    for (let second = 0; second < 20; second++) {
      clock.advance(1_000);
      newest().say(PONG);
    }
    expect([made.status, reasons.at(-1)]).toEqual([
      "stale",
      "ETHUSDT: the server has sent no data.",
    ]);
    made.unsubscribe(["ETHUSDT"]);
    expect(made.status).toBe("connected");
    expect(newest().sent.at(-1)).toEqual({ type: "unsubscribe", symbols: ["ETHUSDT"] });
  });

  it("goes down the ladder when a server accepts and never speaks, or speaks garbage", () => {
    const made = heatmap();
    made.connect();
    for (const seconds of [2, 4, 8, 16, 32]) {
      newest().open();
      for (const text of ["", "{", "[1]", "null", '"x"', "{}", '{"type":7}']) newest().say(text);
      newest().onmessage?.({ data: new Uint8Array(2) });
      newest().say({ type: "snapshot", symbol: "BTCUSDT", data: { symbol: "BTCUSDT" } });
      clock.advance(10_000);
      expect(made.status).toBe("reconnecting");
      clock.advance(seconds * 1_000);
    }
    clock.advance(10_000);
    expect(words).toEqual(["connecting", "reconnecting", "polling"]);
  });

  it("refuses grids that do not fit together, that have no numbers, or that are too large", () => {
    connected();
    const many = Array.from({ length: 600 }, (_, index) => index);
    const bad = [
      { times: [600_000, 300_000] },
      { prices: [99] },
      { values: [[1, 2]] },
      { values: [[1, 2], [3]] },
      {
        values: [
          ["1", 2],
          [3, 4],
          [5, 6],
        ],
      },
      { closes: [1] },
      { step: null },
      { times: many, prices: many, values: many.map(() => many) },
      { as_of: null },
      { price: "100" },
      { symbol: "OTHER" },
      { symbol: "__proto__" },
    ];
    for (const fields of bad) newest().say(snapshot(fields as Partial<HeatmapData>));
    for (const cells of [null, [1], [[1, 2]], [[1, 2, null]], { length: 3 }]) say({ cells });
    // Each cell is a column and a level of its own.
    say({
      closes: many.map((index) => [index, 1]),
      cells: many.map((index) => [index, index, 1]),
    });
    expect(shown).toEqual([data()]);
    say({ cells: [[300_000, 99, 1]] });
    newest().say(snapshot({ as_of: 2_000 }));
    for (const fields of [{ step: 0 }, { cells: [[300_000, 1e300, 1]] }]) {
      say(fields);
      newest().say(snapshot({ as_of: 2_000 }));
    }
    expect(shown.map(({ as_of }) => as_of)).toEqual([1_000, 2_000, 2_000, 2_000]);
  });

  it("says what the server refuses", () => {
    const errors: unknown[] = [];
    connected({ onError: (error) => errors.push(error) });
    newest().say({ type: "error", code: "UNKNOWN_SYMBOL", message: "There is no XYZ." });
    newest().say({ type: "error" });
    expect(errors).toEqual([
      { code: "UNKNOWN_SYMBOL", message: "There is no XYZ." },
      { code: "UNKNOWN", message: "The server did not say what is wrong." },
    ]);
  });

  it("tells a refused symbol once per connection, and does not wait for it", async () => {
    const errors: unknown[] = [];
    const made = connected({ onError: (error) => errors.push(error) });
    made.subscribe(["XYZ"]);
    newest().say(snapshot());
    const refusal = {
      type: "error",
      code: "BAD_OPTION",
      symbol: "XYZ",
      message: 'There is no symbol "XYZ".',
    };
    const told = { code: refusal.code, symbol: "XYZ", message: refusal.message };
    newest().say(refusal);
    newest().say(refusal);
    newest().say({ ...refusal, symbol: "dropped meanwhile" });
    for (let second = 0; second < 25; second++) {
      await pass(1);
      newest().say(PONG);
    }
    expect([errors, words.at(-1)]).toEqual([[told], "connected"]);
    // The twin refuses it, too.
    answer = (url) =>
      Promise.resolve(
        url.includes("XYZ")
          ? { ok: false, status: 400, json: () => Promise.resolve(refusal) }
          : {
              ok: true,
              status: 200,
              json: () => Promise.resolve(data({ as_of: clock.now() })),
            },
      );
    for (let attempt = 0; attempt < 6; attempt++) {
      newest().fail();
      await pass(33);
    }
    expect([errors, words.at(-1)]).toEqual([[told, told], "polling"]);
    // The server has it now.
    answer = (url) => {
      const symbol = new URL(url).searchParams.get("symbol") ?? "";
      const whole = data({ symbol, as_of: clock.now() });
      return Promise.resolve({ ok: true, status: 200, json: () => Promise.resolve(whole) });
    };
    await pass(6);
    expect([made.data("XYZ")?.symbol, words.at(-1)]).toEqual(["XYZ", "polling"]);
  });

  it("ends everything at disconnect, at any time", async () => {
    const made = heatmap();
    made.subscribe(["BTCUSDT"]);
    made.disconnect();
    expect(words).toEqual([]);
    // While it connects.
    made.connect();
    const first = newest();
    made.disconnect();
    expect([first.isClosed, first.onopen, clock.pending]).toEqual([true, null, 0]);
    // While it waits.
    made.connect();
    newest().fail();
    made.disconnect();
    expect(clock.pending).toBe(0);
    // While a request is under way.
    made.connect();
    failLadder();
    let arrive = (): void => {};
    answer = () =>
      new Promise((resolve) => {
        arrive = () => resolve({ ok: true, status: 200, json: async () => data() });
      });
    await pass(5);
    made.disconnect();
    arrive();
    await settle();
    expect([shown.length, clock.pending, made.status]).toEqual([0, 0, "disconnected"]);
  });

  it("may be ended, or given more symbols, by its own callbacks", () => {
    const made: HeatmapWebSocket = heatmap({
      onStatusChange: (status) => {
        words.push(status);
        if (status === "connected") made.subscribe(["ETHUSDT"]);
        if (status === "reconnecting") made.disconnect();
      },
    });
    made.connect();
    newest().open();
    newest().say(PONG);
    expect(newest().sent.at(-1)).toMatchObject({ type: "subscribe", symbols: ["ETHUSDT"] });
    newest().fail();
    expect(words).toEqual(["connecting", "connected", "reconnecting", "disconnected"]);
    expect(clock.pending).toBe(0);
  });

  it("survives an error in the page's callbacks", () => {
    const log = vi.spyOn(console, "error").mockReturnValue(undefined);
    const made = connected({
      onSnapshot: () => {
        throw new Error("the page's own");
      },
    });
    newest().say(snapshot({ as_of: 2_000 }));
    expect(log).toHaveBeenCalledTimes(2);
    expect(made.data("BTCUSDT")?.as_of).toBe(2_000);
    log.mockRestore();
  });

  it("goes on when the browser refuses to open a socket", () => {
    const made = heatmap({
      createSocket: () => {
        throw new SyntaxError("refused");
      },
    });
    made.connect();
    expect(made.status).toBe("connecting");
    clock.advance(0);
    expect([made.status, reasons.at(-1)]).toEqual([
      "reconnecting",
      "The browser refuses to open the socket.",
    ]);
  });

  it("takes at most 64 symbols, each once, and only texts", () => {
    const made = connected();
    made.subscribe(["BTCUSDT", "ETHUSDT", "ETHUSDT"]);
    expect(newest().sent.at(-1)).toEqual({ ...SUBSCRIBE, symbols: ["ETHUSDT"] });
    const many = Array.from({ length: 63 }, (_, index) => `S${index}`);
    expect(() => made.subscribe(many)).toThrow(RangeError);
    expect(() => made.subscribe("BTCUSDT" as unknown as string[])).toThrow(TypeError);
    expect(() => made.subscribe([7 as unknown as string])).toThrow(TypeError);
    const sent = newest().sent.length;
    made.unsubscribe(["NONE"]);
    expect(newest().sent).toHaveLength(sent);
  });

  it("ignores data of a symbol that is not subscribed", () => {
    connected().unsubscribe(["BTCUSDT"]);
    newest().say(snapshot({ as_of: 9_000 }));
    newest().say(snapshot({ symbol: "ETHUSDT" }));
    expect(shown).toHaveLength(1);
  });

  it("makes the socket's address and the REST twin's from one", () => {
    const urls: string[] = [];
    const made = (url: string, options: HeatmapOptions = {}): void => {
      const one = new HeatmapWebSocket(url, {
        clock,
        createSocket: (address) => {
          urls.push(address);
          return new ScriptedSocket();
        },
        ...options,
      });
      one.connect();
    };
    made("https://host:9/ws/heatmap");
    made("wss://host/base/ws");
    made("http://host/ws/heatmap?token=a");
    expect(urls).toEqual([
      "wss://host:9/ws/heatmap",
      "wss://host/base/ws",
      "ws://host/ws/heatmap?token=a",
    ]);
    expect(() => new HeatmapWebSocket("no address")).toThrow(TypeError);
  });
});
