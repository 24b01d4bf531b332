/** The composed server: properties of several channels together and over time. */
import { afterEach, describe, expect, it } from "vitest";
import { silent } from "../../test/support/silent.ts";
import { createClient } from "../client/node.ts";
import { channel, createTidemark } from "../index.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

interface Account {
  readonly id: string;
  readonly balance: number;
}

describe("the server", () => {
  it("changes all views of a page in one step: two accounts never disagree", async () => {
    const channels = {
      left: channel<Account>({ key: "id" }),
      right: channel<Account>({ key: "id" }),
    };
    const tidemark = createTidemark({ channels, logger: silent });
    const { url } = await tidemark.listen({ port: 0 });
    const client = createClient<typeof channels>({ url: `${url}/v2/stream` });
    stops.push(
      () => tidemark.stop(),
      () => client.close(),
    );
    const move = (amount: number): Promise<number> =>
      tidemark.transact((tx) => {
        tx.upsert("left", { id: "a", balance: 100 - amount });
        tx.upsert("right", { id: "a", balance: amount });
      });
    await move(0);
    const left = client.live({ channel: "left" });
    const right = client.live({ channel: "right", where: { column: "balance", gte: 0 } });
    const sums = new Set<number>();
    const look = (): void => {
      const [l, r] = [left.row("a"), right.row("a")];
      if (l !== undefined && r !== undefined) sums.add(l.balance + r.balance);
    };
    left.subscribe(look);
    right.subscribe(look);
    for (let amount = 1; amount <= 100; amount++) await move(amount);
    await expect.poll(() => right.row("a")?.balance).toBe(100);
    expect([...sums]).toEqual([100]);
  });

  it("evicts rows by age while nothing is written: an idle log ticks", async () => {
    const channels = { recent: channel<{ id: string }>({ key: "id", bounds: { ageMsMax: 300 } }) };
    const tidemark = createTidemark({ channels, logger: silent });
    const { url } = await tidemark.listen({ port: 0 });
    const client = createClient<typeof channels>({ url: `${url}/v2/stream` });
    stops.push(
      () => tidemark.stop(),
      () => client.close(),
    );
    const recent = client.live({ channel: "recent" });
    recent.subscribe(() => {});
    await tidemark.channel("recent").upsert({ id: "a" });
    await expect.poll(() => recent.getSnapshot().keys).toEqual(["a"]);
    await expect.poll(() => recent.getSnapshot().keys, { timeout: 5_000 }).toEqual([]);
  });

  it("shows part of a view that is larger than the client may hold, and marks it as partial", async () => {
    const channels = { big: channel<{ id: string; n: number }>({ key: "id" }) };
    const tidemark = createTidemark({ channels, logger: silent });
    const { url } = await tidemark.listen({ port: 0 });
    await tidemark
      .channel("big")
      .upsert(Array.from({ length: 500 }, (_, n) => ({ id: `k${n}`, n })));
    const client = createClient<typeof channels>({
      url: `${url}/v2/stream`,
      limits: { viewRowsMax: 100 },
    });
    stops.push(
      () => tidemark.stop(),
      () => client.close(),
    );
    const view = client.live({ channel: "big", orderBy: [{ column: "n", direction: "desc" }] });
    view.subscribe(() => {});
    await expect.poll(() => view.getSnapshot()).toMatchObject({ status: "live", isPartial: true });
    expect(view.getSnapshot().rows.map(({ n }) => n)).toEqual(
      Array.from({ length: 100 }, (_, index) => 499 - index),
    );
  });

  it("shows the newest rows of a view without order that is larger than the client may hold", async () => {
    const channels = { big: channel<{ id: string; n: number }>({ key: "id" }) };
    const tidemark = createTidemark({ channels, logger: silent });
    const { url } = await tidemark.listen({ port: 0 });
    const big = tidemark.channel("big");
    const id = (n: number): string => `k${String(n).padStart(3, "0")}`;
    await big.upsert(Array.from({ length: 500 }, (_, n) => ({ id: id(n), n })));
    const newest = Array.from({ length: 100 }, (_, index) => 499 - index * 3);
    await big.upsert(newest.map((n) => ({ id: id(n), n: -n })));
    const client = createClient<typeof channels>({
      url: `${url}/v2/stream`,
      limits: { viewRowsMax: 100 },
    });
    stops.push(
      () => tidemark.stop(),
      () => client.close(),
    );
    const view = client.live({ channel: "big" });
    view.subscribe(() => {});
    await expect.poll(() => view.getSnapshot()).toMatchObject({ status: "live", isPartial: true });
    expect(view.getSnapshot().keys).toEqual(newest.map(id).toSorted());
    await big.upsert({ id: "later", n: 0 });
    await expect.poll(() => view.row("later")).toBeDefined();
    expect(view.getSnapshot().keys).toHaveLength(100);
  });

  it("leaves no timer or socket behind when it stops", async () => {
    const tidemark = createTidemark({ channels: { c: channel({ key: "id" }) }, logger: silent });
    const { url } = await tidemark.listen({ port: 0 });
    await tidemark.stop();
    await tidemark.stop();
    await expect(fetch(url)).rejects.toThrow();
    await expect(tidemark.channel("c").upsert({ id: "late" })).rejects.toMatchObject({
      code: "STOPPED",
    });
  });
});
