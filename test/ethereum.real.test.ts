/** The Ethereum source on a real node: it passes the suite of all sources, and what chains do. */
import { createServer, connect, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ChannelChange } from "../src/log/log.ts";
import { sourceConformance } from "../src/sources/conformance.ts";
import { checkOptions, type EthereumOptions } from "../src/sources/ethereum/options.ts";
import { ethereum } from "../src/sources/ethereum/index.ts";
import { ChainSource } from "../src/sources/ethereum/source.ts";
import { openWebSocket, type OpenSocket } from "../src/sources/socket/message-socket.ts";
import { Anvil, anvilPath } from "./support/anvil.ts";
import { freePort } from "./support/free-port.ts";
import { hostSources } from "./support/hosted-source.ts";
import { ItemsSource } from "./support/items-source.ts";
import { stopAll } from "./support/trades-server.ts";

const QUICK: EthereumOptions["limits"] = {
  reconnectBaseMs: 20,
  reconnectMsMax: 100,
  retryMs: 20,
  pingMs: 250,
  headMs: 50,
  dropCheckMs: 100,
};
const WAIT = { timeout: 15_000, interval: 20 };

let node: Anvil;
let accounts: readonly string[] = [];

/** Begins again after a kill, as another chain. */
async function startNode(port = 0): Promise<void> {
  node = await Anvil.start(port);
  accounts = await node.rpc<readonly string[]>("eth_accounts");
}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const send = (fields: object): Promise<string> =>
  node.rpc("eth_sendTransaction", {
    from: accounts[0],
    to: accounts[1],
    gas: hex(21_000),
    ...fields,
  });

describe.skipIf(anvilPath() === undefined)("the Ethereum source on anvil", () => {
  beforeAll(() => startNode());
  afterEach(stopAll);
  afterAll(() => node.kill());

  sourceConformance("Ethereum", async () => {
    const door = await openDoor(await freePort());
    const table = new Transfers();
    return {
      channel: "items",
      source: () =>
        new ItemsSource(
          ethereum({
            url: `ws://127.0.0.1:${door.port}`,
            channels: { transactions: { name: "items" } },
            pastBlocks: 60,
            limits: QUICK,
          }),
          table.translator(),
        ),
      set: async (rows) => {
        for (const [id, value] of Object.entries(rows)) {
          await send({ to: table.addressOf(id), value: hex(Number(value)) });
          if (value === "0") table.rows.delete(id);
          else table.rows.set(id, value);
        }
        await node.rpc("evm_mine");
      },
      remove: async (id) => {
        await send({ to: table.addressOf(id), value: "0x0" });
        table.rows.delete(id);
        await node.rpc("evm_mine");
      },
      rows: () => Promise.resolve(new Map(table.rows)),
      disconnect: async () => {
        await door.close();
        return () => door.open();
      },
      close: () => door.close(),
    };
  });

  const follow = async (options: Partial<EthereumOptions> = {}) => {
    const host = await hostSources();
    const source = ethereum({ url: node.url, confirmations: 3, limits: QUICK, ...options });
    await host.start(source);
    const row = (hash: string) => host.replica.table("transactions")?.rows.get(hash)?.row;
    const becomes = (hash: string, fields: object) =>
      expect.poll(() => row(hash), WAIT).toMatchObject(fields);
    const chain = () => host.rows("chains")[0];
    return { host, source, row, becomes, chain };
  };

  it("shows what waits, is replaced, dropped, included, confirmed and taken back", async () => {
    const { becomes, chain, host } = await follow();
    const nonce = Number(await node.rpc("eth_getTransactionCount", accounts[2], "latest"));
    const slot = { from: accounts[2], nonce: hex(nonce), gasPrice: hex(3_000_000_000) };
    const first = await send({ ...slot, value: hex(5) });
    await becomes(first, { status: "pending", from: accounts[2], nonce, value: "5", block: null });
    const second = await send({ ...slot, value: hex(6), gasPrice: hex(9_000_000_000) });
    await becomes(first, { status: "replaced", replaced_by: second });

    const lost = await send({ from: accounts[3], value: hex(7) });
    await becomes(lost, { status: "pending" });
    await node.rpc("anvil_dropTransaction", lost);
    await becomes(lost, { status: "dropped" });

    await node.rpc("evm_mine");
    const number = Number(await node.rpc("eth_blockNumber"));
    await becomes(second, { status: "included", block: number });
    await node.rpc("anvil_reorg", 1, []);
    await expect.poll(chain, WAIT).toMatchObject({ reorgs: 1, reorg_depth: 1, head: number });
    // The other branch does not have it, and this node has forgotten it.
    await becomes(second, { status: "dropped", block: null });

    const kept = await send({ from: accounts[4], value: hex(8) });
    await node.rpc("anvil_mine", hex(4));
    await becomes(kept, { status: "confirmed", block: number + 1 });
    await expect.poll(chain, WAIT).toMatchObject({ head: number + 4, pending: 0, missed: 0 });
    expect(chain()).toMatchObject({ chain: "ethereum", chain_id: 31_337, price: null });
    expect(Number(chain()?.["base_fee"])).toBeGreaterThan(0);
    expect(host.state("transactions")).toMatchObject({ status: "live" });
  });

  it("reads transactions of nodes that announce hashes only, and prices of a feed", async () => {
    const feed = "0x00000000000000000000000000000000000000fe";
    // Returns 5 words, all of them 2,500.5 dollars.
    const word = (250_050_000_000).toString(16).padStart(64, "0");
    const store = Array.from(
      { length: 5 },
      (_, at) =>
        `7f${word}60${hex(at * 32)
          .slice(2)
          .padStart(2, "0")}52`,
    );
    await node.rpc("anvil_setCode", feed, `0x${store.join("")}60a06000f3`);
    const host = await hostSources();
    const options = checkOptions({ url: node.url, priceFeed: feed, limits: QUICK });
    await host.start(new ChainSource(options, hashesOnly));
    const sent = await send({ from: accounts[5], value: hex(9) });
    await expect
      .poll(() => host.rows("transactions").find(({ hash }) => hash === sent), WAIT)
      .toMatchObject({ status: "pending", value: "9", from: accounts[5] });
    await node.rpc("evm_mine");
    await expect
      .poll(() => host.rows("transactions").find(({ hash }) => hash === sent), WAIT)
      .toMatchObject({ status: "included" });
    expect(host.rows("chains")[0]).toMatchObject({
      price: "2500.50000000",
      price_source: `Chainlink ${feed}`,
      missed: 0,
    });
  });

  it("loads the tables anew when the node has crashed and begun another chain", async () => {
    const { host, becomes, chain, source } = await follow();
    const before = await send({ value: hex(11) });
    await becomes(before, { status: "pending" });
    expect(await source.transaction(before)).toMatchObject({
      hash: before,
      value: 11n,
      input: "0x",
    });
    const { port } = node;
    await node.kill();
    await expect
      .poll(() => host.state("transactions"), WAIT)
      .toMatchObject({ status: "stale", reason: expect.stringMatching(/./) });
    await expect(source.transaction(before)).rejects.toThrow();
    await startNode(port);
    await expect.poll(() => host.state("transactions"), WAIT).toMatchObject({ status: "live" });
    await expect.poll(() => host.rows("transactions"), WAIT).toEqual([]);
    const after = await send({ value: hex(12) });
    await becomes(after, { status: "pending", value: "12" });
    await node.rpc("evm_mine");
    await becomes(after, { status: "included", block: 1 });
    await expect.poll(chain, WAIT).toMatchObject({ head: 1 });
  });
});

/** Rows of the suite as payments: the receiver stands for the id, the amount is the value. */
class Transfers {
  readonly rows = new Map<string, string>();
  readonly #addresses = new Map<string, string>();
  readonly #prefix = Math.floor(Math.random() * 2 ** 40)
    .toString(16)
    .padStart(10, "0");

  addressOf(id: string): string {
    const number = this.#addresses.size + 1;
    const address = `0x${this.#prefix}${number.toString(16).padStart(30, "0")}`;
    const known = this.#addresses.get(id) ?? address;
    this.#addresses.set(id, known);
    return known;
  }

  /** Of one source; it knows the block of each row's last payment. */
  translator(): (change: ChannelChange) => ChannelChange {
    const blocks = new Map<string, number>();
    return (change) => {
      const items = new Map<string, string>();
      for (const { row } of change.upserts) {
        const id = [...this.#addresses].find(([, address]) => address === row["to"])?.[0];
        const block = Number(row["block"] ?? -1);
        if (id === undefined || block < (blocks.get(id) ?? 0)) continue;
        blocks.set(id, block);
        items.set(id, String(row["value"]));
      }
      const isGone = ([, value]: readonly [string, string]): boolean => value === "0";
      return {
        ...change,
        upserts: [...items]
          .filter((item) => !isGone(item))
          .map(([id, value]) => ({ key: id, row: { id, value } })),
        removes: change.reload ? [] : [...items].filter(isGone).map(([id]) => id),
      };
    };
  }
}

/** A node that does not know the parameter for whole transactions. */
const hashesOnly: OpenSocket = (url, handlers, lengthMax) => {
  const socket = openWebSocket(url, handlers, lengthMax);
  const asked = '["newPendingTransactions",true]';
  return {
    ...socket,
    send: (text) => socket.send(text.replace(asked, asked.replace(",true", ""))),
  };
};

/** A way to the node that can be closed and opened again. */
async function openDoor(port: number) {
  const sockets = new Set<Socket>();
  let server: Server;
  const open = (): Promise<void> => {
    server = createServer((socket) => {
      const through = connect(node.port, "127.0.0.1");
      for (const each of [socket, through]) {
        sockets.add(each);
        each.on("error", () => {});
        each.on("close", () => {
          sockets.delete(each);
          socket.destroy();
          through.destroy();
        });
      }
      socket.pipe(through).pipe(socket);
    });
    return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
  };
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  await open();
  return { port, open, close };
}
