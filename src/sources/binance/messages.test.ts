/** The messages of Binance, as it sends them. */
import { describe, expect, it } from "vitest";
import { parseSnapshot, parseStreamMessage, parseTrades } from "./messages.ts";

describe("messages of Binance", () => {
  it("are read as futures send them", () => {
    const read = (data: unknown) => parseStreamMessage(JSON.stringify({ stream: "s", data }));
    expect(
      read({
        e: "depthUpdate",
        E: 1626992741140,
        T: 1626992741123,
        s: "SUSHIUSDT",
        U: 600859601193,
        u: 600859602861,
        pu: 600859600917,
        b: [["7.5980", "1433"]],
        a: [["7.6170", "0"]],
      }),
    ).toEqual({
      kind: "depth",
      symbol: "SUSHIUSDT",
      eventMs: 1626992741140,
      previousId: 600859600917,
      lastId: 600859602861,
      bids: [["7.5980", "1433"]],
      asks: [["7.6170", "0"]],
    });
    expect(
      read({
        e: "aggTrade",
        E: 1626992741575,
        a: 16599292,
        s: "CTKUSDT",
        p: "1.01100",
        q: "10",
        f: 23961322,
        l: 23961322,
        T: 1626992741421,
        m: true,
      }),
    ).toEqual({
      kind: "trade",
      symbol: "CTKUSDT",
      eventMs: 1626992741575,
      id: 16599292,
      price: "1.01100",
      quantity: "10",
      side: "sell",
      timeMs: 1626992741421,
    });
    expect(
      read({
        e: "bookTicker",
        u: 600859600576,
        s: "SUSHIUSDT",
        b: "7.6110",
        B: "2",
        a: "7.6120",
        A: "297",
        T: 1626992741012,
        E: 1626992741017,
      }),
    ).toMatchObject({ kind: "quote", updateId: 600859600576, bid: ["7.6110", "2"] });
    expect(read({ e: "serverShutdown", E: 1 })).toEqual({ kind: "closing" });
    expect(read({ e: "markPriceUpdate", E: 5, s: "AB" })).toEqual({ kind: "life", eventMs: 5 });
    expect(read({ e: "kline", s: "AB" })).toBeUndefined();
    expect(parseStreamMessage('{"result":null,"id":1}')).toBeUndefined();
  });

  it("are read as spot sends them, without `pu` and without a type of quotes", () => {
    const depth = { e: "depthUpdate", E: 7, s: "AB", U: 157, u: 160, b: [], a: [] };
    expect(parseStreamMessage(JSON.stringify(depth))).toMatchObject({
      previousId: 156,
      lastId: 160,
    });
    const quote = { u: 400, s: "AB", b: "1.0", B: "2", a: "1.1", A: "3" };
    expect(parseStreamMessage(JSON.stringify({ stream: "ab@bookTicker", data: quote }))).toEqual({
      kind: "quote",
      symbol: "AB",
      eventMs: undefined,
      updateId: 400,
      bid: ["1.0", "2"],
      ask: ["1.1", "3"],
      timeMs: undefined,
    });
    expect(parseSnapshot({ lastUpdateId: 160, bids: [["1.0", "2", []]], asks: [] })).toEqual({
      lastId: 160,
      eventMs: undefined,
      timeMs: undefined,
      bids: [["1.0", "2"]],
      asks: [],
    });
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["a price that is no decimal text", '{"u":1,"s":"A","b":1,"B":"1","a":"1","A":"1"}'],
    ["a price that is no number", '{"u":1,"s":"A","b":"x","B":"1","a":"1","A":"1"}'],
    ["an id that is no integer", '{"u":1.5,"s":"A","b":"1","B":"1","a":"1","A":"1"}'],
    ["no symbol", '{"u":1,"b":"1","B":"1","a":"1","A":"1"}'],
  ])("are refused with %s", (_title, text) => {
    expect(() => parseStreamMessage(text)).toThrow();
  });

  it("list fetched trades by id, and refuse what is no list", () => {
    const body = [4, 3].map((a) => ({ a, p: "1", q: "2", f: 1, l: 1, T: a, m: false }));
    expect(parseTrades(body, "AB").map(({ id, side }) => [id, side])).toEqual([
      [3, "buy"],
      [4, "buy"],
    ]);
    expect(() => parseTrades({ code: -1 }, "AB")).toThrow("no list");
  });
});
