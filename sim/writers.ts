/**
 * Users who edit rows through a client, and what they see. A user may never see a value that nobody
 * wrote, or an older value after a newer one. Shown values are recorded as they change, and checked
 * at the end, when the order of all writes is known.
 */
import type { LiveView, Optimistic, TidemarkClient } from "../src/client/index.ts";
import { MutationError } from "../src/protocol/mutation-error.ts";
import type { Query } from "../src/protocol/user-query.ts";
import type { Row } from "../src/protocol/row.ts";
import type { TypedChannel } from "../src/protocol/typed-channel.ts";
import type { Random } from "../src/std/random.ts";
import { mutation, mutationsByName } from "../src/server/mutations/mutation.ts";
import { REVIEWS, type SimDatabase } from "./database.ts";
import { checkHistory, type ShownValue } from "./history-check.ts";
import { epochNumber } from "./fault-tracker.ts";
import { pick, SYMBOLS } from "./workload.ts";

interface Edit {
  readonly key: string;
  readonly value: string;
}

/** Only the handler checks the input; the schema accepts everything. */
const input = {
  "~standard": {
    version: 1,
    vendor: "sim",
    validate: (value: unknown) => ({ value: value as Edit }),
  },
} as const;
const row = ({ key }: Edit): { channel: string; key: string } => ({ channel: REVIEWS, key });

function refuse({ value }: Edit): void {
  if (value.endsWith("!")) throw new MutationError("REFUSED", "not this one");
}

const reviews = {
  set: mutation({
    input,
    row,
    handler: async ({ input: edit, tx }) => {
      refuse(edit);
      await tx.query("set", [edit.key, { value: edit.value }]);
    },
  }),
  insert: mutation({
    input,
    handler: async ({ input: edit, tx }) => {
      refuse(edit);
      await tx.query("insert", [edit.key, rowOf(edit)]);
    },
  }),
  remove: mutation({
    input,
    handler: async ({ input: edit, tx }) => {
      refuse(edit);
      await tx.query("remove", [edit.key]);
    },
  }),
  /** A mutation that writes nothing; it must resolve too. */
  nothing: mutation({ input, handler: ({ input: edit }) => refuse(edit) }),
};
const MUTATIONS_OF_USERS = { reviews };
export const DEFINITIONS = mutationsByName(MUTATIONS_OF_USERS);
type M = typeof MUTATIONS_OF_USERS;

export const OPTIMISTIC: Optimistic<M> = {
  reviews: {
    set: ({ key, value }) => ({ channel: REVIEWS, key, set: { value } }),
    insert: (edit) => ({ channel: REVIEWS, key: edit.key, insert: rowOf(edit) }),
    remove: ({ key }) => ({ channel: REVIEWS, key, remove: true }),
    nothing: ({ key }) => ({ channel: REVIEWS, key }),
  },
};

export function rowOf({ key, value }: Edit): Row {
  const number = Number(/\d+$/.exec(key)?.[0] ?? 0);
  return { id: key, symbol: SYMBOLS[number % SYMBOLS.length] as string, price: number, value };
}

const QUERIES: readonly Query[] = [
  { channel: REVIEWS },
  { channel: REVIEWS, where: { column: "symbol", eq: "BTC" } },
  { channel: REVIEWS, orderBy: [{ column: "price", direction: "desc" }] },
];
const KEYS = 8;

/** What one view showed of one key, while it had no excuse and its seq only rose. */
interface Sight {
  readonly key: string;
  readonly values: ShownValue[];
}

type UserClient = TidemarkClient<Record<string, TypedChannel<Row>>, M>;

export class User {
  readonly #client: UserClient;
  readonly #name: string;
  readonly #random: Random;
  readonly #isExcused: () => boolean;
  readonly #trace: (line: string) => void;
  readonly #views: LiveView[];
  readonly #sights: Sight[] = [];
  readonly #now = new Map<LiveView, Map<string, Sight>>();
  readonly #positions = new Map<LiveView, { readonly epoch: string; readonly seq: number }>();
  readonly #stops: (() => void)[] = [];
  /** The user's writes and their outcomes, by value. */
  readonly #writes = new Map<string, "pending" | "written" | "refused">();
  readonly #removalsRequested = new Set<string>();
  #edits = 0;
  unanswered = 0;

  constructor(options: {
    readonly client: TidemarkClient;
    readonly name: string;
    readonly random: Random;
    readonly isExcused: () => boolean;
    readonly trace: (line: string) => void;
  }) {
    this.#client = options.client as unknown as UserClient;
    this.#name = options.name;
    this.#random = options.random;
    this.#isExcused = options.isExcused;
    this.#trace = options.trace;
    this.#views = QUERIES.filter(() => this.#random.next() < 0.7).map((query) =>
      this.#client.live(query as Query & { channel: string }),
    );
    for (const view of this.#views) this.#stops.push(view.subscribe(() => this.#look(view)));
  }

  get pending(): number {
    return this.#client.pendingWrites.getSnapshot().length;
  }

  /** Whether a row is shown as pending; called when no write is. */
  get hasStrayMark(): boolean {
    return this.#views.some((view) =>
      view.getSnapshot().keys.some((key) => view.getSnapshot().isPending(key)),
    );
  }

  edit(): void {
    const random = this.#random;
    const key = `r${Math.floor(random.next() * KEYS)}`;
    const value = `${this.#name}-${++this.#edits}${random.next() < 0.15 ? "!" : ""}`;
    const kind = pick(random, ["set", "set", "set", "set", "insert", "remove", "nothing"] as const);
    const seq = this.#views[0]?.getSnapshot().seq;
    const isGuarded = kind === "set" && seq !== undefined && seq >= 0 && random.next() < 0.3;
    if (kind !== "nothing") this.#writes.set(value, "pending");
    if (kind === "remove") this.#removalsRequested.add(key);
    this.unanswered++;
    this.#trace(`writes ${kind} ${key} ${value}`);
    this.#client.mutate.reviews[kind]({ key, value }, isGuarded ? { expectedSeq: seq } : {})
      .then(
        () => this.#writes.set(value, "written"),
        (error: unknown) => {
          this.#writes.set(value, "refused");
          // A write fails only when it was refused, or when the client was closed.
          const { code } = error as { code?: string };
          if (code !== "REFUSED" && code !== "STALE_WRITE" && code !== "STOPPED") throw error;
        },
      )
      .finally(() => {
        this.unanswered--;
        this.#trace(`wrote ${value}: ${this.#writes.get(value) ?? "nothing"}`);
      });
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  /** Returns what the user saw and should not have seen; undefined when all was right. */
  checkHistory(database: SimDatabase): string | undefined {
    for (const { key, values } of this.#sights) {
      const wrong = checkHistory(values, {
        history: database.historyOf(key),
        isOwn: (value) => this.#writes.has(value),
        wasRemovalRequested: this.#removalsRequested.has(key),
      });
      if (wrong !== undefined)
        return `${this.#name} saw of ${key}: ${values.map((value) => value ?? "nothing").join(" → ")}\n  ${wrong}`;
    }
    return undefined;
  }

  #look(view: LiveView): void {
    const snapshot = view.getSnapshot();
    if (snapshot.status === "loading" || snapshot.epoch === undefined) return;
    const at = snapshot.isBehind
      ? { epoch: snapshot.epoch, seq: snapshot.seq }
      : (this.#client.cursor ?? { epoch: snapshot.epoch, seq: snapshot.seq });
    const before = this.#positions.get(view);
    // A node that lags too far behind, or does not know of the new epoch yet, answers with an older
    // snapshot and says so.
    const wentBack =
      before !== undefined &&
      (before.epoch === at.epoch
        ? at.seq < before.seq
        : epochNumber(at.epoch) < epochNumber(before.epoch));
    if (this.#isExcused() || wentBack) this.#now.delete(view);
    this.#positions.set(view, at);
    if (this.#isExcused()) return;
    const sights = this.#now.get(view) ?? new Map<string, Sight>();
    this.#now.set(view, sights);
    for (let number = 0; number < KEYS; number++)
      this.#note(
        sights,
        `r${number}`,
        snapshot.row(`r${number}`),
        snapshot.isPending(`r${number}`),
      );
  }

  #note(sights: Map<string, Sight>, key: string, row: Row | undefined, isPending: boolean): void {
    const value = row === undefined ? undefined : String(row["value"]);
    // A row that others removed may be missing while an own edit of it is pending; the edit comes
    // back with the row.
    if (value === undefined && isPending) return;
    const sight = sights.get(key);
    if (sight === undefined) {
      const begun = { key, values: [value] };
      sights.set(key, begun);
      this.#sights.push(begun);
    } else if (sight.values.at(-1) !== value) {
      sight.values.push(value);
      this.#trace(
        `sees ${key}: ${value ?? "nothing"} at ${this.#client.cursor?.epoch}:${this.#client.cursor?.seq}`,
      );
    }
  }
}
