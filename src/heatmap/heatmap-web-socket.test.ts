/** The drop-in script against literal frames, on a manual clock: no server, no browser. */
import { beforeEach, describe, expect, it } from "vitest";
import {
  data,
  PING,
  PONG,
  ScriptedHeatmap,
  ScriptedSocket,
  snapshot,
  SUBSCRIBE,
} from "../../test/support/scripted-heatmap.ts";
import { HeatmapWebSocket, type HeatmapOptions } from "./heatmap-web-socket.ts";

let stage: ScriptedHeatmap;
beforeEach(() => {
  stage = new ScriptedHeatmap();
});

describe("HeatmapWebSocket", () => {
  it("subscribes once it is open, and gives the whole data", () => {
    stage.connected();
    expect(stage.newest().sent).toEqual([PING, SUBSCRIBE]);
    expect(stage.words).toEqual(["connecting", "connected"]);
    expect(stage.shown).toEqual([data()]);
  });

  it("makes whole data of changes", () => {
    const made = stage.connected();
    stage.say({
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
    expect(stage.shown.at(-1)).toEqual(whole);
    expect(made.data("BTCUSDT")).toEqual(whole);
    // Another step has other levels; a column that is not told yet is not shown.
    stage.say({
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
    expect(stage.shown.at(-1)).toEqual({
      ...whole,
      prices: [99.5, 100, 100.5],
      values: [
        [2, 0],
        [0, 0],
        [0, 3],
      ],
      step: 0.5,
    });
    stage.say({ closes: [[1_200_000, 100]] });
    expect(stage.shown.at(-1)?.values[1]).toEqual([0, 0, 4]);
    stage.say({ removed_times: [600_000, 900_000, 1_200_000], closes: [[1_500_000, 100]] });
    expect(stage.shown.at(-1)).toMatchObject({ times: [1_500_000], prices: [], values: [] });
  });

  it("shows nothing while the server has no estimate, and keeps what it has", () => {
    const made = stage.connected();
    const empty = { symbol: "BTCUSDT", times: [], prices: [], values: [], closes: [], step: 0 };
    stage.newest().say({ type: "snapshot", symbol: "BTCUSDT", timestamp: null, data: empty });
    expect(stage.shown).toHaveLength(1);
    expect(made.data("BTCUSDT")).toEqual(data());
    stage.say({
      closes: [[300_000, 98]],
      cells: [[300_000, 99, 5]],
      step: 1,
      price: 98,
      as_of: 3_000,
    });
    expect(stage.shown.at(-1)).toMatchObject({ prices: [99], values: [[5]], as_of: 3_000 });
  });

  it("tries again after exactly 2, 4, 8, 16 and 32 s, and then polls", async () => {
    const made = stage.heatmap();
    made.subscribe(["BTCUSDT"]);
    made.connect();
    stage.newest().fail();
    for (const [attempt, seconds] of [2, 4, 8, 16, 32].entries()) {
      stage.clock.advance(seconds * 1_000 - 1);
      expect(stage.sockets).toHaveLength(attempt + 1);
      stage.clock.advance(1);
      expect(stage.sockets).toHaveLength(attempt + 2);
      expect(made.status).toBe("reconnecting");
      stage.newest().fail();
    }
    stage.answer = () => Promise.resolve({ ok: true, status: 200, json: async () => data() });
    await stage.settle();
    expect(stage.asked).toEqual(["http://host/api/heatmap?symbol=BTCUSDT"]);
    expect(stage.words).toEqual(["connecting", "reconnecting", "polling"]);
    expect(stage.reasons.at(-1)).toBe("The server can't be reached (code 1006).");
    await stage.pass(5);
    expect(stage.asked).toHaveLength(2);
    expect(stage.shown).toEqual([data()]);
    made.disconnect();
    expect(stage.clock.pending).toBe(0);
  });

  it("comes back from polling when a later attempt is answered", async () => {
    const made = stage.heatmap();
    made.subscribe(["BTCUSDT"]);
    made.connect();
    stage.failLadder();
    await stage.pass(30);
    expect([stage.sockets.length, made.status]).toEqual([7, "stale"]);
    stage.newest().open();
    expect(made.status).toBe("stale");
    stage.newest().say(PONG);
    stage.newest().say(snapshot());
    expect(stage.words.slice(-2)).toEqual(["stale", "connected"]);
    const polls = stage.asked.length;
    await stage.pass(9);
    expect(stage.asked).toHaveLength(polls);
    // It was lost at once: polls again, without the ladder.
    stage.newest().fail();
    expect(made.status).toBe("polling");
  });

  it("is stale while polls fail, or bring nothing newer, and is not when they do", async () => {
    let asOf = 1;
    stage.answer = () =>
      Promise.resolve({ ok: true, status: 200, json: async () => data({ as_of: asOf++ }) });
    const made = stage.heatmap();
    made.subscribe(["BTCUSDT"]);
    made.connect();
    stage.failLadder();
    await stage.pass(29);
    expect(made.status).toBe("polling");
    stage.answer = () =>
      Promise.resolve({ ok: true, status: 200, json: async () => data({ as_of: 1 }) });
    await stage.pass(20);
    expect([made.status, stage.reasons.at(-1)]).toEqual([
      "stale",
      "BTCUSDT: the server's data does not get newer.",
    ]);
    stage.answer = () =>
      Promise.resolve({ ok: true, status: 200, json: async () => data({ as_of: 99 }) });
    await stage.pass(5);
    expect(made.status).toBe("polling");
    stage.answer = () => Promise.resolve({ ok: false, status: 503, json: async () => ({}) });
    await stage.pass(25);
    expect(made.status).toBe("stale");
    // A probe that fails changes nothing of that.
    stage.newest().fail();
    expect(made.status).toBe("stale");
    expect(stage.words.filter((word) => word === "polling")).toHaveLength(2);
  });

  it("begins the ladder anew after a connection that lasted", async () => {
    stage.connected();
    await stage.pass(10);
    stage.newest().say(PONG);
    stage.newest().fail();
    stage.clock.advance(2_000);
    expect(stage.sockets).toHaveLength(2);
    stage.newest().open();
    expect(stage.newest().sent).toEqual([PING, SUBSCRIBE]);
    stage.newest().say(PONG);
    expect(stage.words).toEqual(["connecting", "connected", "reconnecting", "connected"]);
  });

  it("keeps the data over a lost connection, and takes no changes before whole data", async () => {
    const made = stage.connected();
    stage.newest().fail();
    stage.clock.advance(2_000);
    stage.newest().open();
    stage.say({ cells: [[600_000, 99, 1]], price: 1, as_of: 5_000 });
    expect(made.data("BTCUSDT")).toEqual(data());
    stage.newest().say(snapshot({ as_of: 6_000 }));
    expect(made.data("BTCUSDT")?.as_of).toBe(6_000);
  });

  it("asks a silent server for a sign of life, says that it is stale, and gives it up", () => {
    const made = stage.connected();
    stage.clock.advance(10_000);
    expect(stage.newest().sent.slice(2)).toEqual([PING]);
    stage.clock.advance(9_000);
    expect(made.status).toBe("connected");
    stage.clock.advance(1_000);
    expect([made.status, stage.reasons.at(-1)]).toEqual(["stale", "The server says nothing."]);
    const silent = stage.newest();
    stage.clock.advance(10_000);
    expect(silent.isClosed).toBe(true);
    expect(stage.words).toEqual(["connecting", "connected", "stale", "reconnecting"]);
  });

  it("is stale while the server says so, with its reason", () => {
    stage.connected();
    const status = { type: "status", since_unix_ms: 1 };
    stage.newest().say({ ...status, status: "stale", reason: "the query timed out" });
    stage.newest().say({ ...status, status: "live" });
    expect(stage.words.slice(1)).toEqual(["connected", "stale", "connected"]);
    expect(stage.reasons[2]).toBe("the query timed out");
  });

  it("is stale when a symbol gets no data although the server answers", () => {
    const made = stage.connected();
    made.subscribe(["ETHUSDT"]);
    for (let second = 0; second < 20; second++) {
      stage.clock.advance(1_000);
      stage.newest().say(PONG);
    }
    expect([made.status, stage.reasons.at(-1)]).toEqual([
      "stale",
      "ETHUSDT: the server has sent no data.",
    ]);
    made.unsubscribe(["ETHUSDT"]);
    expect(made.status).toBe("connected");
    expect(stage.newest().sent.at(-1)).toEqual({ type: "unsubscribe", symbols: ["ETHUSDT"] });
  });

  it("ends everything at disconnect, at any time", async () => {
    const made = stage.heatmap();
    made.subscribe(["BTCUSDT"]);
    made.disconnect();
    expect(stage.words).toEqual([]);
    // While it connects.
    made.connect();
    const first = stage.newest();
    made.disconnect();
    expect([first.isClosed, first.onopen, stage.clock.pending]).toEqual([true, null, 0]);
    // While it waits.
    made.connect();
    stage.newest().fail();
    made.disconnect();
    expect(stage.clock.pending).toBe(0);
    // While a request is under way.
    made.connect();
    stage.failLadder();
    let arrive = (): void => {};
    stage.answer = () =>
      new Promise((resolve) => {
        arrive = () => resolve({ ok: true, status: 200, json: async () => data() });
      });
    await stage.pass(5);
    made.disconnect();
    arrive();
    await stage.settle();
    expect([stage.shown.length, stage.clock.pending, made.status]).toEqual([0, 0, "disconnected"]);
  });

  it("makes the socket's address and the REST twin's from one", () => {
    const urls: string[] = [];
    const made = (url: string, options: HeatmapOptions = {}): void => {
      const one = new HeatmapWebSocket(url, {
        clock: stage.clock,
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
