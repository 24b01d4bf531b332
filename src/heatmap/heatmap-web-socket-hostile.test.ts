/** The drop-in script against servers, browsers and pages that do what they should not. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  data,
  PONG,
  ScriptedHeatmap,
  snapshot,
  SUBSCRIBE,
} from "../../test/support/scripted-heatmap.ts";
import type { HeatmapWebSocket } from "./heatmap-web-socket.ts";
import type { HeatmapData } from "./messages.ts";

let stage: ScriptedHeatmap;
beforeEach(() => {
  stage = new ScriptedHeatmap();
});

describe("HeatmapWebSocket", () => {
  it("goes down the ladder when a server accepts and never speaks, or speaks garbage", () => {
    const made = stage.heatmap();
    made.connect();
    for (const seconds of [2, 4, 8, 16, 32]) {
      stage.newest().open();
      for (const text of ["", "{", "[1]", "null", '"x"', "{}", '{"type":7}'])
        stage.newest().say(text);
      stage.newest().onmessage?.({ data: new Uint8Array(2) });
      stage.newest().say({ type: "snapshot", symbol: "BTCUSDT", data: { symbol: "BTCUSDT" } });
      stage.clock.advance(10_000);
      expect(made.status).toBe("reconnecting");
      stage.clock.advance(seconds * 1_000);
    }
    stage.clock.advance(10_000);
    expect(stage.words).toEqual(["connecting", "reconnecting", "polling"]);
  });

  it("refuses grids that do not fit together, that have no numbers, or that are too large", () => {
    stage.connected();
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
    for (const fields of bad) stage.newest().say(snapshot(fields as Partial<HeatmapData>));
    for (const cells of [null, [1], [[1, 2]], [[1, 2, null]], { length: 3 }]) stage.say({ cells });
    // Each cell is a column and a level of its own.
    stage.say({
      closes: many.map((index) => [index, 1]),
      cells: many.map((index) => [index, index, 1]),
    });
    expect(stage.shown).toEqual([data()]);
    stage.say({ cells: [[300_000, 99, 1]] });
    stage.newest().say(snapshot({ as_of: 2_000 }));
    for (const fields of [{ step: 0 }, { cells: [[300_000, 1e300, 1]] }]) {
      stage.say(fields);
      stage.newest().say(snapshot({ as_of: 2_000 }));
    }
    expect(stage.shown.map(({ as_of }) => as_of)).toEqual([1_000, 2_000, 2_000, 2_000]);
  });

  it("says what the server refuses", () => {
    const errors: unknown[] = [];
    stage.connected({ onError: (error) => errors.push(error) });
    stage.newest().say({ type: "error", code: "UNKNOWN_SYMBOL", message: "There is no XYZ." });
    stage.newest().say({ type: "error" });
    expect(errors).toEqual([
      { code: "UNKNOWN_SYMBOL", message: "There is no XYZ." },
      { code: "UNKNOWN", message: "The server did not say what is wrong." },
    ]);
  });

  it("tells a refused symbol once per connection, and does not wait for it", async () => {
    const errors: unknown[] = [];
    const made = stage.connected({ onError: (error) => errors.push(error) });
    made.subscribe(["XYZ"]);
    stage.newest().say(snapshot());
    const refusal = {
      type: "error",
      code: "BAD_OPTION",
      symbol: "XYZ",
      message: 'There is no symbol "XYZ".',
    };
    const told = { code: refusal.code, symbol: "XYZ", message: refusal.message };
    stage.newest().say(refusal);
    stage.newest().say(refusal);
    stage.newest().say({ ...refusal, symbol: "dropped meanwhile" });
    for (let second = 0; second < 25; second++) {
      await stage.pass(1);
      stage.newest().say(PONG);
    }
    expect([errors, stage.words.at(-1)]).toEqual([[told], "connected"]);
    // The twin refuses it, too.
    stage.answer = (url) =>
      Promise.resolve(
        url.includes("XYZ")
          ? { ok: false, status: 400, json: () => Promise.resolve(refusal) }
          : {
              ok: true,
              status: 200,
              json: () => Promise.resolve(data({ as_of: stage.clock.now() })),
            },
      );
    for (let attempt = 0; attempt < 6; attempt++) {
      stage.newest().fail();
      await stage.pass(33);
    }
    expect([errors, stage.words.at(-1)]).toEqual([[told, told], "polling"]);
    // The server has it now.
    stage.answer = (url) => {
      const symbol = new URL(url).searchParams.get("symbol") ?? "";
      const whole = data({ symbol, as_of: stage.clock.now() });
      return Promise.resolve({ ok: true, status: 200, json: () => Promise.resolve(whole) });
    };
    await stage.pass(6);
    expect([made.data("XYZ")?.symbol, stage.words.at(-1)]).toEqual(["XYZ", "polling"]);
  });

  it("may be ended, or given more symbols, by its own callbacks", () => {
    const made: HeatmapWebSocket = stage.heatmap({
      onStatusChange: (status) => {
        stage.words.push(status);
        if (status === "connected") made.subscribe(["ETHUSDT"]);
        if (status === "reconnecting") made.disconnect();
      },
    });
    made.connect();
    stage.newest().open();
    stage.newest().say(PONG);
    expect(stage.newest().sent.at(-1)).toMatchObject({ type: "subscribe", symbols: ["ETHUSDT"] });
    stage.newest().fail();
    expect(stage.words).toEqual(["connecting", "connected", "reconnecting", "disconnected"]);
    expect(stage.clock.pending).toBe(0);
  });

  it("survives an error in the page's callbacks", () => {
    const log = vi.spyOn(console, "error").mockReturnValue(undefined);
    const made = stage.connected({
      onSnapshot: () => {
        throw new Error("the page's own");
      },
    });
    stage.newest().say(snapshot({ as_of: 2_000 }));
    expect(log).toHaveBeenCalledTimes(2);
    expect(made.data("BTCUSDT")?.as_of).toBe(2_000);
    log.mockRestore();
  });

  it("goes on when the browser refuses to open a socket", () => {
    const made = stage.heatmap({
      createSocket: () => {
        throw new SyntaxError("refused");
      },
    });
    made.connect();
    expect(made.status).toBe("connecting");
    stage.clock.advance(0);
    expect([made.status, stage.reasons.at(-1)]).toEqual([
      "reconnecting",
      "The browser refuses to open the socket.",
    ]);
  });

  it("takes at most 64 symbols, each once, and only texts", () => {
    const made = stage.connected();
    made.subscribe(["BTCUSDT", "ETHUSDT", "ETHUSDT"]);
    expect(stage.newest().sent.at(-1)).toEqual({ ...SUBSCRIBE, symbols: ["ETHUSDT"] });
    const many = Array.from({ length: 63 }, (_, index) => `S${index}`);
    expect(() => made.subscribe(many)).toThrow(RangeError);
    expect(() => made.subscribe("BTCUSDT" as unknown as string[])).toThrow(TypeError);
    expect(() => made.subscribe([7 as unknown as string])).toThrow(TypeError);
    const sent = stage.newest().sent.length;
    made.unsubscribe(["NONE"]);
    expect(stage.newest().sent).toHaveLength(sent);
  });

  it("ignores data of a symbol that is not subscribed", () => {
    stage.connected().unsubscribe(["BTCUSDT"]);
    stage.newest().say(snapshot({ as_of: 9_000 }));
    stage.newest().say(snapshot({ symbol: "ETHUSDT" }));
    expect(stage.shown).toHaveLength(1);
  });
});
