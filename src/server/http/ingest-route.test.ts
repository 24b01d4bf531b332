/** Rows over HTTP: what is written, who may, and what producers are told. */
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { startIngest } from "../../../test/support/ingest-requests.ts";
import { stopAll } from "../../../test/support/trades-server.ts";
import { ScriptedStore } from "../../history/scripted-store.ts";

afterEach(stopAll);

describe("POST /ingest", () => {
  it("writes a row, a list, a batch and NDJSON, each as one commit, and answers when they are stored", async () => {
    const { json, lines, store, tidemark, trades } = await startIngest();
    const first = await json({ id: "a", price: 1 });
    expect(first).toMatchObject({ status: 200 });
    const { epoch } = tidemark;
    const seq = Number(first.body["seq"]);
    expect(first.body).toEqual({ epoch, seq, rows: 1, durable: true });
    expect(store.entries.map(({ key }) => key)).toEqual(["a"]);
    const list = await json([
      { id: "b", price: 2 },
      { id: "c", price: 3 },
    ]);
    expect(list.body).toMatchObject({ rows: 2, durable: true });
    const batch = await json({ rows: [{ id: "d", price: 4 }], remove: ["a", "b"] });
    expect(batch.body).toMatchObject({ rows: 3 });
    const streamed = await lines('{"id": "e", "price": 5}\n{"id":"f","price":1e999}\n');
    expect(streamed.body).toMatchObject({ rows: 2 });
    expect(new Set(store.entries.map(({ seq }) => seq)).size).toBe(4);
    await expect.poll(() => trades.size).toBe(4);
    expect(trades.get("e")).toEqual({ id: "e", price: 5 });
    // As JSON writes it.
    expect(trades.get("f")).toEqual({ id: "f", price: null });
  });

  it("says that rows of a channel without history are placed, not stored", async () => {
    const { json, tidemark } = await startIngest();
    expect((await json({ id: "a", price: 1 }, {}, "notes")).body).toMatchObject({ durable: false });
    await expect.poll(() => tidemark.channel("notes").size).toBe(1);
  });

  it("writes nothing of a request with a bad row, and names its place", async () => {
    const { json, lines, send, trades, store } = await startIngest();
    const list = await json([{ id: "a", price: 1 }, { price: 2 }]);
    expect(list).toMatchObject({ status: 400, body: { code: "BAD_ROW", index: 1 } });
    expect(list.body["message"]).toContain("its key (id) is missing or null");
    const text = await lines('{"id":"a"}\n\n{"id":}\n{"id":"b"}');
    expect(text).toMatchObject({ status: 400, body: { code: "BAD_ROW", line: 3 } });
    expect((await lines('{"id":"a"}\n[1]')).body).toMatchObject({ code: "BAD_ROW", line: 2 });
    for (const body of ["", "[]", '{"rows":[{"id":"a"}]', "nonsense"])
      expect((await send(body)).body).toMatchObject({ code: "BAD_MESSAGE" });
    expect(trades.size).toBe(0);
    expect(store.entries).toEqual([]);
  });

  it("is for callers for whom the channel's ingest returns true, and tells no other what exists", async () => {
    const { json } = await startIngest();
    const ask = async (name: string, authorization: string) => {
      const { status, body } = await json({ id: "a", price: 1 }, { authorization }, name);
      return [status, body["code"]];
    };
    expect(await ask("hidden", "writer")).toEqual([200, undefined]);
    expect(await ask("hidden", "reader")).toEqual([404, "UNKNOWN_CHANNEL"]);
    expect(await ask("missing", "writer")).toEqual([404, "UNKNOWN_CHANNEL"]);
    expect(await ask("constructor", "writer")).toEqual([404, "UNKNOWN_CHANNEL"]);
    for (const name of ["trades", "readable", "failing"])
      expect(await ask(name, "reader")).toEqual([403, "FORBIDDEN"]);
    expect(await ask("readable", "writer")).toEqual([403, "FORBIDDEN"]);
  });

  it("lets pages of allowed origins send it, and no others", async () => {
    const { url, json } = await startIngest({ allowedOrigins: ["https://app.example.com"] });
    const origin = "https://app.example.com";
    const preflight = await fetch(`${url}/v2/ingest/trades`, {
      method: "OPTIONS",
      headers: { origin },
    });
    expect(preflight.headers.get("access-control-allow-headers")).toContain("idempotency-key");
    expect(await json({ id: "a", price: 1 }, { origin })).toMatchObject({ status: 200 });
    const refused = await json({ id: "b", price: 1 }, { origin: "https://evil.example.com" });
    expect(refused).toMatchObject({ status: 403, body: { code: "FORBIDDEN_ORIGIN" } });
  });

  it("counts requests, rows and bytes, and refusals by code", async () => {
    const { json, metric } = await startIngest();
    await json(
      [
        { id: "a", price: 1 },
        { id: "b", price: 1 },
      ],
      { "idempotency-key": "k" },
    );
    await json(
      [
        { id: "a", price: 1 },
        { id: "b", price: 1 },
      ],
      { "idempotency-key": "k" },
    );
    await json([{}]);
    expect(await metric("tidemark_ingest_written_total")).toBe(1);
    expect(await metric("tidemark_ingest_repeated_total")).toBe(1);
    expect(await metric("tidemark_ingest_rows_total")).toBe(2);
    expect(await metric("tidemark_ingest_bytes_total")).toBe(2 * 43 + 4);
    expect(await metric('tidemark_ingest_refused_total{code="BAD_ROW"}')).toBe(1);
    expect(await metric("tidemark_ingest_requests")).toBe(0);
    expect(await metric("tidemark_ingest_pending_bytes")).toBe(0);
  });
});

describe("an Idempotency-Key", () => {
  const key = { "idempotency-key": "batch-17" };
  const rows = [{ id: "a", price: 1 }];

  it("makes a repeat write nothing, and answer with the first seq", async () => {
    const { json, store } = await startIngest();
    const first = await json(rows, key);
    await json([{ id: "a", price: 2 }]);
    expect((await json(rows, key)).body).toEqual(first.body);
    expect(store.entries).toHaveLength(2);
  });

  it("belongs to one body, and to one caller", async () => {
    const { json, lines, store } = await startIngest();
    await json(rows, key);
    const other = await json([{ id: "a", price: 2 }], key);
    expect(other).toMatchObject({ status: 409, body: { code: "IDEMPOTENCY_CONFLICT" } });
    expect(await json(rows, key, "notes")).toMatchObject({ status: 409 });
    expect(await lines(JSON.stringify(rows[0]), key)).toMatchObject({ status: 409 });
    expect(store.entries).toHaveLength(1);
    const foreign = await json([{ id: "a", price: 2 }], { ...key, authorization: "writer 2" });
    expect(foreign.status).toBe(200);
    for (const bad of ["", "with space", "x".repeat(256)])
      expect((await json(rows, { "idempotency-key": bad })).body).toMatchObject({
        code: "BAD_MESSAGE",
      });
  });

  it("makes a hundred requests at once one commit", async () => {
    const { json, store } = await startIngest();
    const answers = await Promise.all(Array.from({ length: 100 }, () => json(rows, key)));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body["seq"]}`)).size).toBe(1);
    expect(store.entries).toHaveLength(1);
  });

  it("is known after a restart, if its rows were stored, and only then", async () => {
    const store = new ScriptedStore();
    const first = await startIngest({ history: store });
    const { body } = await first.json(rows, key);
    await first.json(rows, key, "notes");
    const later = { "idempotency-key": "batch-18" };
    await first.json(rows, later, "notes");
    await first.tidemark.stop();
    const second = await startIngest({ history: store });
    const repeat = await second.json(rows, key);
    expect(repeat.body).toEqual({ ...body, epoch: second.tidemark.epoch });
    expect(store.entries).toHaveLength(1);
    expect(await second.json([{ id: "b", price: 1 }], key)).toMatchObject({ status: 409 });
    // Rows without history are gone, so they are written again.
    await second.json(rows, later, "notes");
    await expect.poll(() => second.tidemark.channel("notes").size).toBe(1);
  });

  it("lets a request that was refused be sent again", async () => {
    const { json } = await startIngest({ limits: { ingest: { requestRowsMax: 1 } } });
    expect((await json([...rows, ...rows], key)).status).toBe(413);
    expect((await json(rows, key)).status).toBe(200);
  });
});

describe("a server that is full", () => {
  it("answers 503 while the store does not take the rows, and a repeat waits on", async () => {
    const store = new ScriptedStore();
    let release = (): void => {};
    store.onWrite = () => new Promise((resolve) => (release = resolve));
    const { json } = await startIngest({
      history: store,
      limits: { ingest: { durableMsMax: 20 } },
    });
    const key = { "idempotency-key": "k" };
    const waited = await json({ id: "a", price: 1 }, key);
    expect(waited).toMatchObject({ status: 503, body: { code: "HISTORY_UNAVAILABLE" } });
    store.onWrite = () => {};
    release();
    await expect.poll(() => json({ id: "a", price: 1 }, key)).toMatchObject({ status: 200 });
    expect(store.entries).toHaveLength(1);
  });

  it("answers 429 with Retry-After when the history store is behind", async () => {
    const store = new ScriptedStore();
    let release = (): void => {};
    store.onWrite = () => new Promise((resolve) => (release = resolve));
    const { json, tidemark, trades } = await startIngest({
      history: store,
      limits: { history: { pendingRowsMax: 1 } },
    });
    const seq = await trades.upsert([
      { id: "a", price: 1 },
      { id: "b", price: 1 },
    ]);
    const refused = await json({ id: "c", price: 1 });
    expect(refused).toMatchObject({ status: 429, body: { code: "HISTORY_FULL" } });
    expect(refused.headers["retry-after"]).toBe("1");
    store.onWrite = () => {};
    release();
    await tidemark.durable(seq);
    await expect.poll(() => json({ id: "c", price: 1 })).toMatchObject({ status: 200 });
  });

  it("answers 429 when too many requests, or bytes of them, are not answered", async () => {
    const { json, open, metric } = await startIngest({
      limits: { ingest: { requestsMax: 1, requestBytesMax: 50, pendingBytesMax: 50 } },
    });
    const { sent, answer } = open();
    sent.write('{"id":"a",');
    await expect.poll(() => metric("tidemark_ingest_requests")).toBe(1);
    const refused = await json({ id: "b", price: 1 });
    expect(refused).toMatchObject({ status: 429, body: { code: "INGEST_FULL" } });
    expect(refused.headers["retry-after"]).toBe("1");
    sent.end('"price":1}');
    expect((await answer).status).toBe(200);
    expect((await json({ id: "b", price: 1 })).status).toBe(200);
  });

  it("answers 413 to more bytes or rows than one commit may have, also without Content-Length", async () => {
    const { json, open, trades } = await startIngest({
      limits: { ingest: { requestBytesMax: 100, requestRowsMax: 2 } },
    });
    const tooLarge = { status: 413, body: { code: "INGEST_TOO_LARGE" } };
    expect(await json([{ id: "a", note: "x".repeat(100) }])).toMatchObject(tooLarge);
    expect(await json([{ id: "a" }, { id: "b" }, { id: "c" }])).toMatchObject(tooLarge);
    const { sent, answer } = open();
    sent.write(`{"id":"a","note":"${"x".repeat(60)}"}\n`);
    sent.write(`{"id":"b","note":"${"x".repeat(60)}"}\n`);
    expect(await answer).toMatchObject(tooLarge);
    sent.destroy();
    expect(trades.size).toBe(0);
  });
});

it("takes 8 MiB in one request, and not a byte more; a small body that unpacks to more is not read", async () => {
  const { lines, metric, trades } = await startIngest({ history: new ScriptedStore() });
  const row = (id: number, length: number): string =>
    `${JSON.stringify({ id: `r${id}`, price: 1, note: "" })}`.replace(
      '""',
      () => `"${"x".repeat(length)}"`,
    );
  const most = 8 * 1024 * 1024;
  const rows = Array.from({ length: 8 }, (_, id) => row(id, 1_000_000));
  const rest = most - Buffer.byteLength(`${rows.join("\n")}\n`) - row(8, 0).length;
  const border = [...rows, row(8, rest)].join("\n");
  expect(Buffer.byteLength(border)).toBe(most);
  const refused = await lines(`${border}\n`);
  expect(refused).toMatchObject({ status: 413, body: { code: "INGEST_TOO_LARGE" } });
  expect(trades.size).toBe(0);
  const taken = await lines(border);
  expect(taken).toMatchObject({ status: 200, body: { rows: 9, durable: true } });
  const before = await metric("tidemark_ingest_bytes_total");
  const bomb = gzipSync(Buffer.alloc(2 * most, " "));
  expect(await lines(bomb, { "content-encoding": "gzip" })).toMatchObject({
    status: 415,
    body: { code: "UNSUPPORTED_BODY" },
  });
  expect(await metric("tidemark_ingest_bytes_total")).toBe(before);
});

describe("a hostile or broken producer", () => {
  it("that goes in the middle writes nothing", async () => {
    const { open, metric, trades } = await startIngest();
    const { sent } = open();
    sent.write('{"id":"a","price":1}\n{"id":"b","price":1}\n');
    await expect.poll(() => metric("tidemark_ingest_pending_bytes")).toBeGreaterThan(0);
    sent.destroy();
    await expect.poll(() => metric('tidemark_ingest_refused_total{code="BAD_MESSAGE"}')).toBe(1);
    expect(await metric("tidemark_ingest_pending_bytes")).toBe(0);
    expect(trades.size).toBe(0);
  });

  it("that never ends its body is answered 408", async () => {
    const { open, trades } = await startIngest({ limits: { ingest: { requestMsMax: 30 } } });
    const { sent, answer } = open();
    sent.write('{"id":"a","price":1}\n');
    expect(await answer).toMatchObject({ status: 408, body: { code: "INGEST_TIMEOUT" } });
    sent.destroy();
    expect(trades.size).toBe(0);
  });

  it("can't send what no row may be", async () => {
    const { lines, json, send, trades, store } = await startIngest({
      limits: { server: { rowBytesMax: 10_000 } },
    });
    const deep = `{"id":"a","x":${"[".repeat(4_000)}${"]".repeat(4_000)}}`;
    for (const body of [
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      deep,
      `{"id":"${"x".repeat(20_000)}"}`,
      '{"id":"a","__proto__":{"price":1}}',
    ])
      expect(await lines(body)).toMatchObject({ status: 400, body: { code: "BAD_ROW", line: 1 } });
    expect((await send(`[${deep}]`)).body).toMatchObject({ code: "BAD_ROW", index: 0 });
    const named = await json({ id: "a", price: 1, constructor: { prototype: { polluted: 1 } } });
    expect(named.status).toBe(200);
    expect((await json({ remove: ["__proto__"] })).status).toBe(200);
    expect((await json({ id: "__proto__", price: 1 })).status).toBe(200);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(store.entries.map(({ key }) => key)).toEqual(["a", "__proto__", "__proto__"]);
    await expect.poll(() => trades.size).toBe(2);
  });

  it("can't send other types, or compressed bodies", async () => {
    const { send } = await startIngest();
    const row = '{"id":"a","price":1}';
    const unsupported = { status: 415, body: { code: "UNSUPPORTED_BODY" } };
    for (const type of ["text/plain", "application/json; charset=latin1", "constructor"])
      expect(await send(row, { "content-type": type })).toMatchObject(unsupported);
    expect(await send(gzipSync(row), { "content-encoding": "gzip" })).toMatchObject(unsupported);
    const utf8 = { "content-type": 'application/json; charset="UTF-8"' };
    expect(await send(row, utf8)).toMatchObject({ status: 200 });
  });
});
