/**
 * A server in process, with one channel per shape of policy, whose rows change hands and leave. Each
 * version of a row has a mark of its own, which tells a reader of any answer what it was.
 */
import type { HistoryHost } from "../../../src/history/history-host.ts";
import { HistoryModel } from "../../../src/history/conformance-model.ts";
import type { HistoryEntry, HistoryStore } from "../../../src/history/history.ts";
import { declareChannel, type ChannelDeclaration } from "../../../src/log/channel.ts";
import type { Log } from "../../../src/log/log.ts";
import type { Row } from "../../../src/protocol/row.ts";
import { Engine } from "../../../src/server/engine.ts";
import { HistoryRoute } from "../../../src/server/http/history-route.ts";
import { createLog, engineOptionsOf, liveTables } from "../../../src/server/log-and-history.ts";
import type { ConnectionRequest } from "../../../src/server/turn/dialect.ts";
import { systemClock } from "../../../src/std/clock.ts";
import type { Random } from "../../../src/std/random.ts";
import { silent } from "../silent.ts";
import { SHAPES, type Caller, type Rights, type Shape } from "./policies.ts";

export const TEAMS = ["red", "Red", "blue", null] as const;
export const REGIONS = ["north", "south", "\u00e9st", null] as const;
export const OWNERS = ["ann", "Ann", "bob", "shared-1", "sharedX", null] as const;
export const LEVELS = [0, 1, 2, 3, 5, 8, null] as const;
const FLAGS = [true, false, null] as const;
const KEYS = Array.from({ length: 14 }, (_, at) => `k${at}`);
const MARK = /mark-\d+-/g;

const TYPES = [
  { name: "id", type: "text" },
  { name: "team", type: "text" },
  { name: "region", type: "text" },
  { name: "owner", type: "text" },
  { name: "level", type: "integer" },
  { name: "isPublic", type: "boolean" },
  { name: "mark", type: "text" },
] as const;

export const COLUMNS = TYPES.map(({ name }) => name);

/** Changes with each commit, and everybody may see it: so each session hears of each commit. */
export const BEAT = "beat";

/** A channel and its policy. */
export interface Place {
  readonly channel: ChannelDeclaration;
  readonly shape: Shape;
}

export class World implements Rights {
  readonly places: readonly Place[];
  readonly model = new HistoryModel();
  readonly engine: Engine;
  readonly #route: HistoryRoute;
  readonly #history: HistoryHost;
  readonly #log: Log;
  readonly #random: Random;
  /** By mark: the version of a row. */
  readonly #versions = new Map<string, { readonly place: Place; readonly row: Row }>();
  readonly #levels = new Map<string, number>();
  readonly #blocked = new Set<string>();
  #marks = 0;
  #seq = 0;
  /** Called in the middle of the next read of the store. */
  onRead: (() => void) | undefined;

  constructor(store: HistoryStore, random: Random) {
    this.#random = random;
    // Each policy over declared columns, and over values whose kinds decide.
    this.places = SHAPES.flatMap((shape, at) =>
      [TYPES, []].map((columns, kind) => ({
        shape,
        channel: declareChannel({
          name: `place-${at}-${kind}`,
          key: ["id"],
          columns,
          bounds: { rowsMax: 8 },
          history: { maxRows: 10, maxDelayMs: 1 },
        }),
      })),
    );
    const clock = systemClock;
    const parts = { clock, random, logger: silent };
    const declares = [
      ...this.places.map(({ channel }) => channel),
      declareChannel({ name: BEAT, key: ["id"] }),
    ];
    const page = store.page.bind(store);
    store.page = async (query, signal) => {
      const found = await page(query, signal);
      this.onRead?.();
      this.onRead = undefined;
      return found;
    };
    const { log, history } = createLog({ history: store }, declares, parts);
    this.#log = log;
    this.#history = history as HistoryHost;
    void this.#log.append({ changes: [], declares });
    const nothing = (): void => {};
    const access = {
      identify: ({ headers }: ConnectionRequest) =>
        Promise.resolve(JSON.parse(String(headers["authorization"])) as unknown),
    };
    this.engine = new Engine({
      ...parts,
      ...engineOptionsOf(history, undefined),
      log: this.#log,
      declares,
      access,
      isOperator: () => false,
      observer: {
        onSnapshot: nothing,
        onFlush: nothing,
        onReset: nothing,
        onResumed: nothing,
        onResync: nothing,
        onMutation: nothing,
      },
      limits: { views: { viewsMax: 400 } },
    });
    for (const { channel, shape } of this.places)
      this.engine.policies.set(channel.name, (caller) => shape.policy(caller as Caller, this));
    this.#route = new HistoryRoute({ engine: this.engine, access });
  }

  async start(): Promise<void> {
    await this.#history.open(this.#log, liveTables(this.engine.replica));
    await this.engine.start();
    this.#history.start();
    for (let commit = 0; commit < 12; commit++) await this.write();
  }

  async stop(): Promise<void> {
    this.engine.stop();
    await this.#history.stop(1_000);
    this.#log.close();
  }

  /** Of the newest commit. */
  get seq(): number {
    return this.#seq;
  }

  /** One commit to every channel: rows arrive, change hands and leave. */
  async write(): Promise<void> {
    const changes = this.places.map((place) => {
      const key = this.pick(KEYS);
      const leaves = this.#random.next() < 0.15;
      const other = this.pick(KEYS.filter((each) => each !== key));
      const upserts = leaves ? [] : [this.#row(place, key), this.#row(place, other)];
      return { place, upserts, removes: leaves ? [key] : [] };
    });
    const seq = await this.#log.append({
      changes: [
        ...changes.map(({ place, upserts, removes }) => ({
          channel: place.channel.name,
          upserts: upserts.map((row) => ({ key: String(row["id"]), row })),
          removes,
        })),
        { channel: BEAT, upserts: [{ key: "1", row: { id: "1", at: this.#marks } }], removes: [] },
      ],
    });
    for (const { place, upserts, removes } of changes) {
      const at = { channel: place.channel.name, seq, timeMs: 0 };
      this.model.write([
        ...upserts.map((row): HistoryEntry => {
          const json = JSON.stringify(row);
          return { ...at, kind: "upsert", key: String(row["id"]), row, json };
        }),
        ...removes.map((key): HistoryEntry => ({ ...at, kind: "remove", key })),
      ]);
    }
    await this.engine.follower.reached(seq);
    this.#seq = seq;
  }

  /** The answer's text, and what it is an answer to. An error's is its code and message. */
  async ask(
    caller: Caller,
    body: object | string,
  ): Promise<{ readonly text: string; readonly code: string | undefined }> {
    const request: ConnectionRequest = {
      url: typeof body === "string" ? body : "/v2/history",
      headers: { authorization: JSON.stringify(caller) },
      remoteAddress: undefined,
    };
    try {
      const reply =
        typeof body === "string"
          ? await this.#route.get(request)
          : await this.#route.post(request, JSON.stringify(body));
      return { text: String(reply.body), code: undefined };
    } catch (error) {
      const { code, message } = error as { readonly code?: string; readonly message: string };
      return { text: message, code: code ?? "INTERNAL" };
    }
  }

  levelOf({ id }: Caller): number {
    return this.#levels.get(id) ?? 3;
  }

  isBlocked({ id }: Caller): boolean {
    return this.#blocked.has(id);
  }

  /** The application changes what a caller may see, and says so. */
  changeRights(caller: Caller): void {
    this.#levels.set(caller.id, this.pick([0, 1, 3, 5, 8]));
    if (!this.#blocked.delete(caller.id)) this.#blocked.add(caller.id);
    this.engine.gateway.revoke(caller);
  }

  sees(caller: Caller, { shape }: Place, row: Row): boolean {
    return shape.sees(caller, row, this);
  }

  /** The first mark in a text of a version that the caller may not see, if there is one. */
  leakIn(text: string, caller: Caller): string | undefined {
    return text.match(MARK)?.find((mark) => {
      const version = this.#versions.get(mark);
      return version !== undefined && !this.sees(caller, version.place, version.row);
    });
  }

  /** Whether any version of the key is one that the caller may see. */
  mayKnow(caller: Caller, place: Place, key: string): boolean {
    return this.model.entries.some(
      (entry) =>
        entry.channel === place.channel.name &&
        entry.key === key &&
        entry.row !== undefined &&
        this.sees(caller, place, entry.row),
    );
  }

  /** A row of the channel that the caller may not see, for questions about it. */
  hiddenRow(caller: Caller, place: Place): Row | undefined {
    return this.model.entries.find(
      ({ channel, row }) =>
        channel === place.channel.name && row !== undefined && !this.sees(caller, place, row),
    )?.row;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random.next() * items.length)] as T;
  }

  #row(place: Place, id: string): Row {
    const mark = `mark-${++this.#marks}-`;
    const row = {
      id,
      team: this.pick(TEAMS),
      region: this.pick(REGIONS),
      owner: this.pick(OWNERS),
      level: this.pick(LEVELS),
      isPublic: this.pick(FLAGS),
      mark,
    };
    this.#versions.set(mark, { place, row });
    return row;
  }
}
