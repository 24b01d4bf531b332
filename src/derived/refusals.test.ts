import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { ScriptedStore } from "../history/scripted-store.ts";
import { channel, type Channels } from "../server/channel.ts";
import { createTidemark } from "../server/tidemark.ts";
import { count, sum, timeBucket } from "./aggregate.ts";
import { derived } from "./derived.ts";

interface Trade {
  readonly id: string;
  readonly symbol: string;
  readonly price: number;
}
const columns = { id: "text", symbol: "text", price: "integer" } as const;
const trades = channel<Trade>({ key: "id", columns });
const bySymbol = { groupBy: { symbol: "symbol" }, columns: { rows: count() } } as const;

async function refusalOf(channels: Channels): Promise<string> {
  const logger = pino({ level: "silent" });
  const store = Object.values(channels).some(({ history }) => history !== undefined)
    ? { history: new ScriptedStore() }
    : {};
  try {
    const tidemark = createTidemark({ channels, logger, ...store });
    onTestFinished(() => tidemark.stop());
    await tidemark.start();
  } catch (error) {
    expect(error).toMatchObject({ code: "BAD_OPTION" });
    return (error as Error).message;
  }
  return "";
}

describe("a derived table", () => {
  it("that can't be is refused at the start, with what to do instead", async () => {
    const groups = derived({ from: { trades }, over: "stream", ...bySymbol });
    const refusals: readonly (readonly [Channels, string])[] = [
      [{ groups }, 'there is no channel "trades"'],
      [
        {
          trades,
          sums: derived({
            from: { trades },
            over: "window",
            groupBy: { id: "id" },
            columns: { sum: sum("symbol") },
          }),
        },
        'column "symbol" is text, and only numbers and decimals have a sum',
      ],
      [{ trades, all: derived({ from: { trades }, over: "stream" }) }, 'Use over: "window"'],
      [
        { trades, groups, more: derived({ from: { groups }, over: "stream", ...bySymbol }) },
        "or derive from the channel",
      ],
      [
        {
          trades: channel<Trade>({ key: "id", columns, history: true }),
          groups,
        },
        'names "trades" with another definition',
      ],
      [
        {
          trades,
          joined: derived({
            from: { trades },
            over: "window",
            join: {
              with: { trades },
              on: { symbol: "symbol" },
              columns: { other: "price" },
              kind: "left",
            },
          }),
        },
        "a join is on the whole key",
      ],
      [
        { trades, best: derived({ from: { trades }, over: "window", limit: 3 }) },
        "orderBy and limit belong together",
      ],
      [
        {
          trades,
          spans: derived({
            from: { trades },
            over: "window",
            groupBy: { span: timeBucket("symbol", "1m") },
          }),
        },
        "a time bucket needs a timestamp",
      ],
    ];
    for (const [channels, text] of refusals) expect(await refusalOf(channels)).toContain(text);
    const kept = channel<Trade>({ key: "id", columns, history: true });
    const ofKept = derived({ from: { trades: kept }, over: "stream", ...bySymbol });
    expect(await refusalOf({ trades: kept, ofKept })).toContain("appendOnly: true");
    expect(() => timeBucket("time", "1 month")).toThrow("Months have no fixed width");
    const one = derived({ from: { two: trades }, over: "window" });
    const two = derived({ from: { one }, over: "window" });
    expect(await refusalOf({ one, two })).toContain(
      "derived from each other: one from two from one",
    );
  });

  it("keeps its rows and is stale, with the reason, when it can't follow", async () => {
    const free = channel<{ id: string; price: number | string }>({ key: "id" });
    const few = derived({ from: { free }, over: "window", groupBy: { id: "id" }, groupsMax: 2 });
    const sums = derived({
      from: { free },
      over: "window",
      groupBy: { all: "kind" as "id" },
      columns: { sum: sum("price") },
    });
    const channels = { free, few, sums };
    const tidemark = createTidemark({ channels, catalog: true, logger: pino({ level: "silent" }) });
    onTestFinished(() => tidemark.stop());
    await tidemark.start();
    const rows = [1, 2, 3].map((price) => ({ id: `r${price}`, price, kind: "x" }));
    await tidemark.channel("free").upsert(rows.slice(0, 2));
    await expect.poll(() => tidemark.channel("few").size).toBe(2);
    expect(tidemark.channel("sums").get("x")).toEqual({ all: "x", sum: 3 });
    await tidemark.channel("free").upsert(rows);
    await tidemark.channel("free").upsert({ id: "text", price: "1.5", kind: "x" } as never);
    await expect.poll(() => tidemark.channel("free").size).toBe(4);
    expect(tidemark.channel("few").size).toBe(2);
    expect(tidemark.channel("sums").get("x")).toEqual({ all: "x", sum: 6 });
    const { url } = await tidemark.listen({ port: 0 });
    const stats = await (await fetch(`${url}/stats`)).text();
    expect(stats).toContain("GROUPS_FULL");
    expect(stats).toContain("is no number");
    await expect(tidemark.channel("few").remove("r1")).rejects.toThrow('changes when "free" does');
  });
});
