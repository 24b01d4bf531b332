/** The tracker under generated arrivals, blocks, reorganisations and look-ups. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChainTracker } from "./chain-tracker.ts";
import type { Block } from "./messages.ts";
import type { EthereumTransaction, RawTransaction } from "./rows.ts";

const SENDERS = 4;
const CONFIRMATIONS = 5;
const OPTIONS = { chain: "c", confirmations: CONFIRMATIONS, pendingMax: 1_000, blocksMax: 40 };

/** Several variants have one sender and nonce. */
function transaction(slot: number, variant: number): RawTransaction {
  return {
    hash: `0x${slot}-${variant}`,
    from: `0x${slot % SENDERS}`,
    to: "0x1",
    nonce: Math.floor(slot / SENDERS),
    value: 1n,
    gas: 21_000,
    maxFee: 1n,
    priorityFee: 1n,
    input: "0x",
  };
}

class World {
  readonly tracker: ChainTracker;
  /** The rows, by what the tracker has told. */
  readonly rows = new Map<string, EthereumTransaction>();
  chain: readonly Block[] = [];
  #count = 0;
  #timeMs = 0;

  constructor(options: Partial<typeof OPTIONS> = {}) {
    this.tracker = new ChainTracker({ ...OPTIONS, ...options });
    this.chain = [this.#block("none", 0, [])];
    this.tracker.begin(this.chain);
    this.take();
  }

  isUsed(slot: number): boolean {
    const { from, nonce } = transaction(slot, 0);
    return this.chain.some(({ transactions }) =>
      transactions.some((each) => each.from === from && each.nonce === nonce),
    );
  }

  announce(slot: number, variant: number): void {
    if (!this.isUsed(slot)) this.tracker.onPending(transaction(slot, variant), ++this.#timeMs);
    this.take();
  }

  /** Takes back `depth` blocks, and adds one more than that, with these transactions in the first. */
  grow(depth: number, slots: readonly (readonly [number, number])[]): void {
    const kept = this.chain.slice(0, Math.max(1, this.chain.length - depth));
    const taken = this.chain.length - kept.length;
    this.chain = kept;
    const chosen = new Map(slots.filter(([slot]) => !this.isUsed(slot)));
    const blocks: Block[] = [];
    for (let at = 0; at <= taken; at++) {
      const parent = blocks.at(-1) ?? kept.at(-1);
      const transactions =
        at === 0 ? Array.from(chosen, ([slot, variant]) => transaction(slot, variant)) : [];
      blocks.push(this.#block(parent?.hash ?? "", (parent?.number ?? 0) + 1, transactions));
    }
    this.chain = [...kept, ...blocks];
    this.tracker.onBlocks(blocks, ++this.#timeMs);
    this.take();
  }

  take(): void {
    const changes = this.tracker.take();
    if (changes?.isReload) this.rows.clear();
    for (const row of changes?.upserts ?? []) this.rows.set(row.hash, row);
    for (const hash of changes?.removes ?? []) this.rows.delete(hash);
  }

  of(...statuses: readonly string[]): readonly EthereumTransaction[] {
    return [...this.rows.values()].filter(({ status }) => statuses.includes(status));
  }

  check(): void {
    const expected = this.chain.flatMap(({ number, transactions }) =>
      transactions.map(({ hash }) => {
        const isDeep = number + CONFIRMATIONS <= (this.chain.at(-1)?.number ?? 0);
        return [hash, isDeep ? "confirmed" : "included", number];
      }),
    );
    const shown = this.of("included", "confirmed").map(({ hash, status, block }) => [
      hash,
      status,
      block,
    ]);
    expect(shown.toSorted()).toEqual(expected.toSorted());
    const pending = this.of("pending");
    expect(this.tracker.pendingCount).toBe(pending.length);
    expect(pending.every(({ block, replaced_by }) => block === null && replaced_by === null)).toBe(
      true,
    );
    const slots = pending.map(({ from, nonce }) => `${from} ${nonce}`);
    expect(new Set(slots).size).toBe(slots.length);
    for (const { replaced_by } of this.of("replaced"))
      expect(this.rows.has(String(replaced_by))).toBe(true);
    expect(this.tracker.head?.hash).toBe(this.chain.at(-1)?.hash);
  }

  #block(parentHash: string, number: number, transactions: readonly RawTransaction[]): Block {
    const hash = `block ${++this.#count}`;
    const base = { gasUsed: 1, gasLimit: 2, baseFee: 1n, timeMs: number * 1_000 };
    return { ...base, number, hash, parentHash, transactions };
  }
}

const slot = fc.tuple(fc.nat(11), fc.nat(2));
const step = fc.oneof(
  fc.record({ kind: fc.constant("announce" as const), slot }),
  fc.record({
    kind: fc.constant("grow" as const),
    // Not as deep as what counts as final.
    depth: fc.oneof(fc.constant(0), fc.nat(CONFIRMATIONS - 1)),
    slots: fc.array(slot, { maxLength: 5 }),
  }),
  fc.record({ kind: fc.constant("look up" as const), isKnown: fc.boolean() }),
);

describe("the tracker of a chain", () => {
  it("shows the blocks of the chain, and each sender's nonce at most once as waiting", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new World();
        for (const each of steps) {
          if (each.kind === "announce") world.announce(...each.slot);
          else if (each.kind === "grow") world.grow(each.depth, each.slots);
          else {
            const [hash] = world.tracker.unchecked(Number.POSITIVE_INFINITY, 1);
            if (hash !== undefined) world.tracker.onChecked(hash, each.isKnown, 0);
            world.take();
          }
          world.check();
        }
      }),
      { numRuns: 300 },
    );
  });

  it("follows so many waiting transactions at most: the oldest leaves", () => {
    const world = new World({ pendingMax: 2 });
    for (const each of [0, 1, 2]) world.announce(each, 0);
    expect([...world.rows.keys()]).toEqual(["0x1-0", "0x2-0"]);
    expect(world.tracker.pendingCount).toBe(2);
    world.check();
  });

  it("drops what two look-ups in a row do not find", () => {
    const world = new World();
    world.announce(0, 0);
    for (const isKnown of [false, true, false]) world.tracker.onChecked("0x0-0", isKnown, 5);
    world.take();
    expect(world.rows.get("0x0-0")?.status).toBe("pending");
    expect(world.tracker.unchecked(4, 9)).toEqual([]);
    world.tracker.onChecked("0x0-0", false, 6);
    world.take();
    expect(world.rows.get("0x0-0")?.status).toBe("dropped");
    // Announced again, it waits again.
    world.announce(0, 0);
    expect(world.rows.get("0x0-0")?.status).toBe("pending");
    world.check();
  });
});
