/** One case: a caller asks for rows, and gets those that it may see, or a refusal without a word of others. */
import type { PagePlace } from "../../../src/history/history.ts";
import { withDefaults } from "../../../src/protocol/order.ts";
import { parseQuery } from "../../../src/protocol/parse-query.ts";
import { OPERATORS, type WireQuery, type WireWhere } from "../../../src/protocol/query.ts";
import type { JsonValue, Row } from "../../../src/protocol/row.ts";
import { compileProjection } from "../../../src/table/projection.ts";
import type { Random } from "../../../src/std/random.ts";
import type { Caller } from "./policies.ts";
import { COLUMNS, LEVELS, OWNERS, REGIONS, TEAMS, type Place, type World } from "./world.ts";

const CALLERS: readonly Caller[] = [
  { id: "ann", team: "red", regions: ["north", "\u00e9st"], role: "member" },
  { id: "Ann", team: "Red", regions: [], role: "member" },
  { id: "bob", team: "blue", regions: ["south"], role: "guest" },
  { id: "eve", team: "green", regions: ["north", "south"], role: "guest" },
  { id: "root", team: "red", regions: ["north"], role: "admin" },
];

/** How a request asks for rows. */
interface Asked {
  readonly query: WireQuery;
  readonly as_of?: number | string;
  readonly before_seq?: number;
  readonly after?: string | PagePlace;
  readonly feed?: boolean;
}

interface Answer {
  readonly rows: readonly Row[];
  readonly seqs: readonly number[];
  readonly complete_through: number;
  readonly next: string | null;
  readonly feed?: string;
  readonly epoch: string;
}

/** What a case has shown. */
export interface CaseResult {
  /** Rows that would have been in the answer without a policy, and were not. */
  readonly withheld: number;
  readonly isRefused: boolean;
}

export class Cases {
  readonly #world: World;
  readonly #random: Random;
  /** Cursors of any caller, by channel: another caller may send them. */
  readonly #cursors = new Map<string, string[]>();

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  get caller(): Caller {
    return this.#world.pick(CALLERS);
  }

  /** Half of the feeds are of whole channels, so that they have much to tell. */
  feedQuery(place: Place): WireQuery {
    return this.#chance(0.5) ? { channel: place.channel.name } : this.query(place);
  }

  query(place: Place): WireQuery {
    const orderBy = this.#chance(0.5) ? [] : [this.#order(), this.#order()].slice(this.#below(2));
    return {
      channel: place.channel.name,
      ...(this.#chance(0.6) && { where: this.#where(place, 0) }),
      ...(orderBy.length > 0 && { order_by: orderBy }),
      ...(this.#chance(0.7) && { limit: 1 + this.#below(6) }),
      ...(this.#chance(0.2) && { columns: [this.#column(), this.#column()] }),
    };
  }

  /** @throws when an answer has what its caller may not see, or lacks what it may see */
  async next(): Promise<CaseResult> {
    const world = this.#world;
    const caller = this.caller;
    const place = world.pick(world.places);
    const asked = this.#ask(caller, place);
    const isGet = typeof asked.after !== "object" && this.#chance(0.3);
    let isChanged = false;
    if (this.#chance(0.03))
      world.onRead = () => {
        isChanged = true;
        world.changeRights(caller);
      };
    const { code, text } = await world.ask(caller, isGet ? addressOf(asked) : asked);
    world.onRead = undefined;
    const fail = (what: string): never => {
      throw new Error(
        `${what}, under the policy "${place.shape.name}" for ${JSON.stringify(caller)}: ${JSON.stringify(asked)} was answered ${code ?? ""} ${text}`,
      );
    };
    // What the caller has written itself is no news to it.
    const leak = world.leakIn(withoutWordsOf(asked, text), caller);
    if (leak !== undefined) fail(`${leak} leaks`);
    if (code !== undefined) {
      const isOther = isChanged && code === "UNKNOWN_CHANNEL";
      if (!isOther && !this.#mayBeRefused(code, caller, place, asked))
        fail("a refusal without a reason");
      return { withheld: 0, isRefused: true };
    }
    return this.#compare(caller, place, asked, JSON.parse(text) as Answer, fail);
  }

  #compare(
    caller: Caller,
    place: Place,
    { query, before_seq, after }: Asked,
    answer: Answer,
    fail: (what: string) => never,
  ): CaseResult {
    const world = this.#world;
    const { where, order_by = [], limit = 1_000 } = query;
    const from = placeOf(after);
    const all = world.model.page({
      channel: place.channel,
      where,
      orderBy: order_by.map(withDefaults),
      limit: 1_000,
      asOf: answer.complete_through,
      ...(before_seq !== undefined && { beforeSeq: before_seq }),
      ...(from !== undefined && { after: from }),
    });
    const seen = all.filter(({ json }) => world.sees(caller, place, JSON.parse(json) as Row));
    const page = seen.slice(0, limit);
    const found = answer.rows.map((row, at) => `${answer.seqs[at]} ${String(row["id"])}`);
    if (page.map(({ key, seq }) => `${seq} ${key}`).join() !== found.join())
      fail(
        `${found.join()} are not the rows ${page.map(({ key, seq }) => `${seq} ${key}`).join()}`,
      );
    const { next } = answer;
    if ((next !== null) !== seen.length > page.length) fail("next tells of other rows");
    if (next !== null) {
      const last = page.at(-1)?.key;
      if (placeOf(next)?.key !== last) fail("next is another place");
      this.#remember(place, next);
    }
    return { withheld: all.length - seen.length, isRefused: false };
  }

  #mayBeRefused(code: string, caller: Caller, place: Place, asked: Asked): boolean {
    const world = this.#world;
    // Also under a policy that is no policy, whatever it is.
    const showsNothing = !world.model.entries.some(
      ({ channel, row }) =>
        channel === place.channel.name && row !== undefined && world.sees(caller, place, row),
    );
    if (code === "UNKNOWN_CHANNEL") return showsNothing;
    try {
      const query = parseQuery(asked.query);
      compileProjection(place.channel, query);
      world.model.page({
        channel: place.channel,
        where: query.where,
        orderBy: (query.order_by ?? []).map(withDefaults),
        limit: 1,
        asOf: 0,
      });
    } catch {
      return code === "BAD_QUERY" || code === "BAD_REGEX";
    }
    return code === "BAD_QUERY" && showsNothing;
  }

  #ask(caller: Caller, place: Place): Asked {
    const world = this.#world;
    const query = this.query(place);
    const seq = this.#below(world.engine.replica.seq + 1);
    const hidden = world.hiddenRow(caller, place);
    const cursors = this.#cursors.get(place.channel.name) ?? [];
    const after =
      this.#chance(0.4) && cursors.length > 0
        ? world.pick(cursors)
        : this.#chance(0.15) && hidden !== undefined
          ? { key: String(hidden["id"]), row: hidden }
          : undefined;
    return {
      query,
      ...(this.#chance(0.4) && {
        as_of: this.#chance(0.8) ? seq : new Date(Date.now() - this.#below(2_000)).toISOString(),
      }),
      ...(this.#chance(0.15) && { before_seq: this.#below(world.engine.replica.seq + 1) }),
      ...(after !== undefined && { after }),
    };
  }

  /** Conditions as a curious caller writes them: also with the values of rows that are hidden. */
  #where(place: Place, depth: number): WireWhere {
    const kind = depth > 2 ? 0 : this.#below(6);
    if (kind === 3) return { not: this.#where(place, depth + 1) };
    if (kind === 4) return { or: [this.#where(place, depth + 1), this.#where(place, depth + 1)] };
    if (kind === 5) return { and: [this.#where(place, depth + 1), this.#where(place, depth + 1)] };
    const column = this.#column();
    const operator = this.#world.pick(OPERATORS);
    const value = (): JsonValue =>
      this.#world.pick<JsonValue>([
        ...TEAMS,
        ...REGIONS,
        ...OWNERS,
        ...LEVELS,
        true,
        false,
        `mark-${this.#below(400)}-`,
      ]);
    const operand: Readonly<Record<string, unknown>> = {
      in: [value(), value()],
      between: [value(), value()],
      like: this.#world.pick(["%", "mark-1%", "%e%", "_nn", "r%"]),
      regex: this.#world.pick(["", "^mark-[0-9]*-$", "[Rr]ed", "(?i)ANN", "("]),
      is_null: this.#chance(0.5),
    };
    return { column, [operator]: operand[operator] ?? value() } as unknown as WireWhere;
  }

  #order() {
    const direction = this.#chance(0.5) ? "asc" : "desc";
    return { column: this.#column(), direction } as const;
  }

  #column(): string {
    return this.#chance(0.02) ? "nothing" : this.#world.pick(COLUMNS);
  }

  #remember({ channel }: Place, cursor: string): void {
    const known = this.#cursors.get(channel.name) ?? [];
    if (known.length < 20) known.push(cursor);
    else known[this.#below(20)] = cursor;
    this.#cursors.set(channel.name, known);
  }

  #chance(share: number): boolean {
    return this.#random.next() < share;
  }

  #below(count: number): number {
    return Math.floor(this.#random.next() * count);
  }
}

function addressOf({ query, as_of, before_seq, after }: Asked): string {
  const parameters = new URLSearchParams({ channel: query.channel });
  const set = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) parameters.set(name, String(value));
  };
  set("where", query.where && JSON.stringify(query.where));
  set("order_by", query.order_by && JSON.stringify(query.order_by));
  set("columns", query.columns?.join(","));
  set("limit", query.limit);
  set("as_of", as_of);
  set("before_seq", before_seq);
  set("after", typeof after === "string" ? after : undefined);
  return `/v2/history?${parameters}`;
}

/** `next` is JSON in base64: the seq, the key and the columns of order_by. */
function placeOf(after: Asked["after"]): PagePlace | undefined {
  if (typeof after !== "string") return after;
  const [, key, row] = JSON.parse(Buffer.from(after, "base64url").toString()) as [
    number,
    string,
    Row,
  ];
  return { key, row };
}

function withoutWordsOf(asked: Asked, text: string): string {
  const words = JSON.stringify(asked).match(/mark-\d+-/g) ?? [];
  return words.reduce((left, word) => left.replaceAll(word, ""), text);
}
