import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { pino } from "pino";
import type { StoredRow } from "../../history/history.ts";
import { ScriptedStore } from "../../history/scripted-store.ts";
import { createClient } from "../../client/node.ts";
import { channel } from "../channel.ts";
import { createTidemark } from "../tidemark.ts";

interface Trade {
  id: string;
  price: number;
  team: string;
}

const columns = { id: "text", price: "integer", team: "text" } as const;
const store = new ScriptedStore();
const tidemark = createTidemark({
  authenticate: ({ headers }) => String(headers["authorization"] ?? "red"),
  history: store,
  catalog: true,
  isOperator: (team) => team === "all",
  channels: {
    trades: channel<Trade, string>({
      key: "id",
      columns,
      bounds: { rowsMax: 2 },
      history: { maxDelayMs: 1 },
      policy: (team) =>
        team === "all" ? "all" : team === "none" ? "none" : { column: "team", eq: team },
    }),
    plain: channel<Trade>({ key: "id" }),
    notes: channel<{ id: string; note: unknown }>({ key: "id", history: true }),
    ticks: channel<Trade, string>({
      key: "id",
      columns,
      history: { maxDelayMs: 1, appendOnly: true },
      policy: (team) => (team === "all" ? "all" : { column: "team", eq: team }),
    }),
  },
  logger: pino({ level: "silent" }),
});
let url = "";
beforeAll(async () => {
  ({ url } = await tidemark.listen({ port: 0 }));
  const trades = tidemark.channel("trades");
  for (let at = 1; at <= 6; at++)
    await trades.upsert({ id: `t${at}`, price: at, team: at % 2 ? "red" : "blue" });
  await tidemark.durable(await trades.upsert({ id: "t1", price: 10, team: "blue" }));
});
afterAll(() => tidemark.stop());

interface Answer {
  rows: Trade[];
  next: string | null;
  complete_through: number;
  as_of_unix_ms?: number;
  seqs: number[];
  code?: string;
}

async function get(query: string, team = "all", name = "trades"): Promise<Answer> {
  const response = await fetch(`${url}/v2/history?channel=${name}&${query}`, {
    headers: { authorization: team },
  });
  return (await response.json()) as Answer;
}

const idsIn = ({ rows }: Answer): readonly string[] => rows.map(({ id }) => id);

describe("GET /history", () => {
  it("has every row that ever came, page by page, also those that left the live table", async () => {
    const order = `order_by=${JSON.stringify([{ column: "price", direction: "desc" }])}`;
    const first = await get(`${order}&limit=4`);
    expect(idsIn(first)).toEqual(["t1", "t6", "t5", "t4"]);
    const second = await get(`${order}&limit=4&after=${first.next}`);
    expect(idsIn(second)).toEqual(["t3", "t2"]);
    const { complete_through } = first;
    expect(second).toMatchObject({ next: null, complete_through, complete_from: 0 });
  });

  it("answers as of a seq, and before one", async () => {
    const newest = await get("");
    const seqOfT1 = newest.seqs[newest.rows.findIndex(({ id }) => id === "t1")] ?? 0;
    const before = await get(`as_of=${seqOfT1 - 1}`);
    expect(before.rows.find(({ id }) => id === "t1")).toMatchObject({ price: 1 });
    expect(idsIn(await get(`before_seq=${seqOfT1}`))).not.toContain("t1");
    const long = await get(`as_of=${new Date(0).toISOString()}`);
    expect(long).toMatchObject({ rows: [], as_of_unix_ms: 0 });
    const ofFuture = await get("as_of=2999-01-01T00:00:00Z");
    expect(idsIn(ofFuture)).toEqual(idsIn(newest));
    expect(ofFuture.as_of_unix_ms).toBeLessThan(Date.parse("2999-01-01"));
    expect(newest.as_of_unix_ms).toBeUndefined();
  });

  it("shows a caller no row that the policy hides, in no version", async () => {
    expect(idsIn(await get("", "red"))).toEqual(["t3", "t5"]);
    expect(idsIn(await get("", "blue"))).toEqual(["t1", "t2", "t4", "t6"]);
    const where = JSON.stringify({ column: "price", gte: 0 });
    expect(idsIn(await get(`where=${where}`, "red"))).toEqual(["t3", "t5"]);
    expect(await get("", "none")).toMatchObject({ code: "UNKNOWN_CHANNEL" });
  });

  it("tells a reader in the middle that retention has forgotten rows meanwhile", async () => {
    const client = createClient({
      url: `${url}/v2/stream`,
      headers: () => ({ authorization: "all" }),
    });
    onTestFinished(() => client.close());
    const page = vi.spyOn(store, "page");
    onTestFinished(() => page.mockRestore());
    const query = { channel: "trades", orderBy: [{ column: "price" }] } as const;
    const first = await client.history({ ...query, limit: 4 });
    expect(first.completeFrom).toBe(0);
    const forgotten = { rows: [], isLast: true, fromSeq: 3 };
    page.mockResolvedValueOnce(forgotten);
    const second = await client.history({ ...query, limit: 4 }, { after: first.next as string });
    expect(second).toMatchObject({ completeFrom: 3, completeThrough: first.completeThrough });
    const [row] = first.rows.map((each) => ({ key: each.id, json: JSON.stringify(each) }));
    const rows = Array.from({ length: 1_001 }, () => ({ ...row, seq: 1, timeMs: 1 }));
    page.mockResolvedValueOnce({ rows: rows as StoredRow[], isLast: false, fromSeq: 0 });
    page.mockResolvedValueOnce(forgotten);
    await expect(client.fetch({ ...query, asOf: first.seq })).rejects.toMatchObject({
      code: "HISTORY_TRIMMED",
    });
  });

  it("is read by the client, page by page, of now and of then", async () => {
    const client = createClient({
      url: `${url}/v2/stream`,
      headers: () => ({ authorization: "all" }),
    });
    onTestFinished(() => client.close());
    const query = { channel: "trades", orderBy: [{ column: "price" }], limit: 4 } as const;
    const first = await client.history(query);
    expect(first).toMatchObject({ keys: ["t2", "t3", "t4", "t5"], epoch: tidemark.epoch });
    expect(first.completeThrough).toBe(first.seq);
    const second = await client.history(query, { ...(first.next && { after: first.next }) });
    expect(second.rows).toEqual([
      { id: "t6", price: 6, team: "blue" },
      { id: "t1", price: 10, team: "blue" },
    ]);
    expect(second.next).toBeUndefined();
    const seq = second.seqs[1] ?? 0;
    expect((await client.history(query, { asOf: seq - 1 })).keys[0]).toBe("t1");
    expect((await client.history(query, { asOf: new Date(0) })).rows).toEqual([]);
    await expect(client.history({ channel: "plain" })).rejects.toMatchObject({
      code: "NO_HISTORY",
    });
  });

  it("is told by a channel's description: since when, and how many rows to who may see all", async () => {
    const describedAs = async (name: string, team: string) => {
      const client = createClient({
        url: `${url}/v2/stream`,
        headers: () => ({ authorization: team }),
      });
      onTestFinished(() => client.close());
      return (await client.describe(name)).history;
    };
    const fromTimeMs = store.entries[0]?.timeMs;
    const span = { status: "ok", fromSeq: 0, fromTimeMs, rows: undefined };
    expect(await describedAs("plain", "all")).toBeUndefined();
    const operator = createClient({
      url: `${url}/v2/stream`,
      headers: () => ({ authorization: "all" }),
    });
    onTestFinished(() => operator.close());
    const listed = async (name: string): Promise<unknown> => {
      const { rows } = await operator.fetch({ channel: "tidemark.channels" });
      return rows.find((row) => row["channel"] === name);
    };
    await expect
      .poll(() => listed("trades"))
      .toMatchObject({
        history: "ok",
        history_from_unix_ms: fromTimeMs,
        history_rows: store.entries.length,
      });
    const stats = await fetch(`${url}/stats`, { headers: { authorization: "all" } });
    expect(await stats.json()).toMatchObject({
      history: {
        channels: expect.arrayContaining([expect.objectContaining({ channel: "trades" })]),
      },
    });
    expect(await listed("plain")).toMatchObject({ history: null, history_rows: null });
    // A row of this channel may have several versions.
    expect(await describedAs("trades", "all")).toEqual(span);
    expect(await describedAs("ticks", "all")).toEqual({ ...span, rows: store.entries.length });
    expect(await describedAs("ticks", "red")).toEqual(span);
    const spanOf = vi.spyOn(store, "span").mockRejectedValue(new Error("the store is away"));
    onTestFinished(() => spanOf.mockRestore());
    expect(await describedAs("ticks", "all")).toEqual({ status: "ok" });
  });

  it("continues behind a row whose order_by column holds a list or an object", async () => {
    const order = `order_by=${JSON.stringify([{ column: "note" }])}`;
    const notes = [7, "x", [1, 2], { a: 1 }, null];
    for (const [at, note] of notes.entries())
      await tidemark.channel("notes").upsert({ id: `n${at}`, note });
    await expect.poll(() => tidemark.channel("notes").size).toBe(notes.length);
    const found: string[] = [];
    let after = "";
    for (let page = 0; page < notes.length; page++) {
      const answer = await get(`${order}&limit=1${after}`, "all", "notes");
      found.push(...idsIn(answer));
      after = `&after=${answer.next}`;
    }
    expect(found).toEqual(["n0", "n1", "n2", "n3", "n4"]);
  });

  it("takes the same as JSON, and refuses what it can't read", async () => {
    const post = async (body: string): Promise<Answer> => {
      const response = await fetch(`${url}/v2/history`, {
        method: "POST",
        body,
        headers: { authorization: "all" },
      });
      return (await response.json()) as Answer;
    };
    const query = { channel: "trades", where: { column: "team", eq: "red" }, columns: ["price"] };
    expect((await post(JSON.stringify({ query }))).rows).toEqual([
      { id: "t3", price: 3 },
      { id: "t5", price: 5 },
    ]);
    expect(await post("[")).toMatchObject({ code: "BAD_MESSAGE" });
    expect(await post(JSON.stringify({ query: { channel: "plain" } }))).toMatchObject({
      code: "NO_HISTORY",
    });
    expect(await get("as_of=yesterday")).toMatchObject({ code: "BAD_MESSAGE" });
    expect(await get("as_of=999999")).toMatchObject({ code: "BAD_QUERY" });
    expect(await get("after=x")).toMatchObject({ code: "BAD_MESSAGE" });
    expect(await get("limit=5000")).toMatchObject({ code: "BAD_QUERY" });
    expect(await get("where={")).toMatchObject({ code: "BAD_QUERY" });
  });
});
