/**
 * The client against literal frames: its bounds, queries and single rows, and workers that fail.
 */
import { afterEach, describe, expect, it } from "vitest";
import {
  clients,
  closeClients,
  FakeSocket,
  delta,
  watermark,
  settled,
  opened,
} from "../../test/support/literal-client.ts";
import { createClient, type WorkerLike } from "./node.ts";

afterEach(closeClients);

describe("what is bounded", () => {
  it("includes a view's rows: a larger view is requested with a limit and is partial", async () => {
    const { socket, view } = await opened({ limits: { viewRowsMax: 3 } });
    socket.hear(delta(5, 8, "c", "d", "e"), watermark(8));
    expect(socket.heard("UNSUBSCRIBE")).toEqual({ op: "UNSUBSCRIBE", views: ["c"] });
    expect(socket.heard("SUBSCRIBE")).toMatchObject({
      subscriptions: [{ channel: "c", limit: 3 }],
    });
    expect(view.getSnapshot().isPartial).toBe(true);
  });

  it("is checked when the client is created, and a limit that is undefined has its default", async () => {
    const create = (limits: object) => createClient({ url: "ws://x/v2/stream", limits });
    expect(() => create({ viewRowsMax: Number.NaN })).toThrow("limits.viewRowsMax is NaN");
    expect(() => create({ quietMs: -1 })).toThrow("limits.quietMs is -1");
    expect(() => create({ viewRowsMax: 0 })).toThrow("It must be at least 1.");
    expect(() => create({ rowsMax: 5 })).toThrow("There is no limit limits.rowsMax.");
    const { clock, view } = await opened({ limits: { quietMs: undefined } as object });
    clock.advance(2_000);
    expect(view.getSnapshot().status).toBe("live");
  });

  it("excludes pinned rows: a selected row stays when it leaves the view", async () => {
    const { socket, view } = await opened();
    const unpin = view.pin("a");
    socket.hear({ ...delta(5, 8), patch: { upsert: [], remove: ["a"] } }, watermark(8));
    expect(view.row("a")).toBeUndefined();
    expect(view.pinned("a")).toEqual({ row: { id: "a" }, isInView: false });
    unpin();
    expect(view.pinned("a")).toBeUndefined();
  });

  it("describes a channel without a view of it, and rejects with the server's reason", async () => {
    const answers = [
      Response.json({ channel: "c", key: ["id"], columns: [{ name: "id", type: "text" }] }),
      Response.json({ code: "UNKNOWN_CHANNEL", message: "There is no channel." }, { status: 404 }),
    ];
    const asked: string[] = [];
    const fetch = (url: string): Promise<Response> => {
      asked.push(url);
      return Promise.resolve(answers.shift() as Response);
    };
    const { client } = await opened({ fetch });
    expect(await client.describe("c")).toEqual({
      channel: "c",
      key: ["id"],
      columns: [{ name: "id", type: "text" }],
    });
    await expect(client.describe("a b")).rejects.toMatchObject({ code: "UNKNOWN_CHANNEL" });
    expect(asked.map((url) => new URL(url).pathname)).toEqual([
      "/v2/channels/c",
      "/v2/channels/a%20b",
    ]);
  });

  it("maps queries: camelCase for users, snake_case on the wire", async () => {
    const { client, socket } = await opened();
    const view = client.live({
      channel: "c",
      where: { column: "n", isNull: false },
      orderBy: [{ column: "n" }],
    });
    view.subscribe(() => {});
    expect(socket.said.at(-1)).toMatchObject({
      op: "SUBSCRIBE",
      subscriptions: [
        { channel: "c", where: { column: "n", is_null: false }, order_by: [{ column: "n" }] },
      ],
    });
    expect(view.query.orderBy).toEqual([{ column: "n" }]);
    const since = new Date(1_700_000_000_000);
    client.live({ channel: "c", where: { column: "at", gt: since as never } }).subscribe(() => {});
    expect(socket.said.at(-1)).toMatchObject({
      subscriptions: [{ where: { column: "at", gt: "2023-11-14T22:13:20.000Z" } }],
    });
    expect(() => client.live({ channel: "c", order_by: [] } as never)).toThrow(
      'write "orderBy" instead of "order_by"',
    );
  });

  it("keeps single rows for a limited time, and a limited number of them", async () => {
    const asked: string[] = [];
    const fetch = (url: string): Promise<Response> => {
      asked.push(url.split("/").at(-1) ?? "");
      return Promise.resolve(
        Response.json({
          row: { id: "x" },
          seq: 1,
          epoch: "e1",
          as_of_seq: 1,
          committed_unix_ms: 1,
        }),
      );
    };
    const { client, clock } = await opened({
      fetch,
      limits: { rowCacheMax: 2, rowCacheMs: 1_000 },
    });
    for (const key of ["a", "a", "b", "c", "a"]) await client.row("c", key);
    expect(asked).toEqual(["a", "b", "c", "a"]);
    clock.advance(1_001);
    await client.row("c", "a");
    expect(asked.at(-1)).toBe("a");
    expect(asked).toHaveLength(5);
  });

  it("drops single rows that were requested under revoked rights (S4)", async () => {
    const answers: ((response: Response) => void)[] = [];
    const fetch = (url: string): Promise<Response> =>
      url.includes("/rows/")
        ? new Promise((resolve) => answers.push(resolve))
        : Promise.reject(new Error("no network"));
    const { client, socket } = await opened({ fetch });
    const under = client.row("c", "a");
    socket.hear({ op: "INVALID_SESSION", reason: "revoked", message: "" });
    const answer = { row: {}, seq: 1, epoch: "e1", as_of_seq: 1, committed_unix_ms: 1 };
    answers[0]?.(Response.json(answer));
    await under;
    client.row("c", "a").catch(() => {});
    await settled();
    expect(answers).toHaveLength(2);
  });
});

describe("a worker", () => {
  it("that can't run is replaced by the same engine in this thread, and no message is lost", async () => {
    FakeSocket.all = [];
    let worker: WorkerLike | undefined;
    const said: unknown[] = [];
    const client = createClient({
      url: "ws://x/v2/stream",
      WebSocket: FakeSocket,
      worker: () =>
        (worker = {
          onmessage: null,
          onerror: null,
          postMessage: (message) => said.push(message),
          terminate: () => {},
        }),
    });
    clients.push(client);
    client.live({ channel: "c" }).subscribe(() => {});
    expect([client.usesWorker, said.length, FakeSocket.all.length]).toEqual([true, 2, 0]);
    worker?.onerror?.(undefined as never);
    expect([client.usesWorker, FakeSocket.all.length]).toEqual([false, 1]);
  });
});
