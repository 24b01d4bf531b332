/**
 * Random input that is nearly valid: values of the protocol with one mistake, because pure noise is
 * refused by the first check. All random numbers come from one seed, so that a run can be replayed.
 */
import { OPERATORS } from "../src/protocol/query.ts";
import type { Random } from "../src/std/random.ts";

const NAMES = [
  "trades",
  "notes",
  "hidden",
  "tidemark.channels",
  "nothing",
  "",
  "__proto__",
  "constructor",
  "toString",
  "é\u{1F600}",
  "\ud800",
  "a".repeat(250),
];
const COLUMNS = ["id", "symbol", "price", "owner", "nothing", "__proto__", "hasOwnProperty"];
const OPERATORS_AND_NONE = [...OPERATORS, "nope"];
const PATTERNS = [
  "%",
  "%a%",
  "a_b",
  "\\",
  "\\%",
  "%".repeat(300),
  "[0-9]{1,900}[x-z]",
  "(a|b)*c",
  "((((",
  "\\p{L}+",
  "(?=a)",
  "a{1000}{1000}",
  "[",
  ".*.*.*=.*",
];
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.5,
  1e21,
  1e-7,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_SAFE_INTEGER + 2,
  2 ** 53,
  -(2 ** 31),
  1e308,
];
const OPS = [
  "IDENTIFY",
  "RESUME",
  "HEARTBEAT",
  "SUBSCRIBE",
  "UNSUBSCRIBE",
  "CREDIT",
  "RESYNC",
  "MUTATE",
  "DISPATCH",
  "HELLO",
  "",
  "constructor",
];

export class Generator {
  readonly random: Random;
  /**
   * Session ids, view ids and epochs that the server has sent, to be sent back unchanged or
   * changed.
   */
  readonly received: string[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  chance(share: number): boolean {
    return this.random.next() < share;
  }

  whole(below: number): number {
    return Math.floor(this.random.next() * below);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.whole(items.length)] as T;
  }

  note(text: string): void {
    if (this.received.length < 200) this.received.push(text);
    else this.received[this.whole(200)] = text;
  }

  /** Any JSON value. */
  value(depth = 0): unknown {
    const kind = this.whole(depth > 4 ? 6 : 9);
    if (kind === 0) return null;
    if (kind === 1) return this.chance(0.5);
    if (kind === 2) return this.pick(NUMBERS);
    if (kind <= 5) return this.word();
    if (kind === 6) return Array.from({ length: this.whole(5) }, () => this.value(depth + 1));
    if (kind === 7)
      return Object.fromEntries(
        Array.from({ length: this.whole(4) }, () => [this.word(), this.value(depth + 1)]),
      );
    // Deeper than any valid value.
    let nested: unknown = 1;
    for (let level = this.whole(300); level > 0; level--)
      nested = this.chance(0.5) ? [nested] : { and: [nested] };
    return nested;
  }

  word(): string {
    const kind = this.whole(6);
    if (kind === 0) return this.pick(NAMES);
    if (kind === 1) return this.pick(COLUMNS);
    if (kind === 2) return this.pick(PATTERNS);
    if (kind === 3) return this.pick(OPERATORS_AND_NONE);
    if (kind === 4 && this.received.length > 0) return this.changed(this.pick(this.received));
    return String.fromCharCode(
      ...Array.from({ length: this.whole(8) }, () => this.whole(this.chance(0.9) ? 128 : 65_536)),
    );
  }

  /** A valid query, or one with a value replaced. */
  mostly<T>(right: T): unknown {
    return this.chance(0.94) ? right : this.value();
  }

  where(depth = 0): unknown {
    const kind = this.whole(depth > 3 ? 1 : 4);
    if (kind === 1)
      return {
        and: Array.from({ length: this.whole(5) }, () => this.mostly(this.where(depth + 1))),
      };
    if (kind === 2)
      return {
        or: Array.from({ length: this.whole(5) }, () => this.mostly(this.where(depth + 1))),
      };
    if (kind === 3) return { not: this.mostly(this.where(depth + 1)) };
    const operator = this.pick(OPERATORS_AND_NONE);
    const operand =
      operator === "in" || operator === "between"
        ? Array.from({ length: this.whole(4) }, () => this.value(3))
        : operator === "like" || operator === "regex"
          ? this.pick(PATTERNS)
          : this.value(3);
    return { column: this.mostly(this.pick(COLUMNS)), [operator]: this.mostly(operand) };
  }

  query(): unknown {
    return {
      channel: this.mostly(this.pick(NAMES)),
      ...(this.chance(0.7) && { where: this.mostly(this.where()) }),
      ...(this.chance(0.4) && {
        order_by: this.mostly(
          Array.from({ length: this.whole(3) }, () => ({
            column: this.mostly(this.pick(COLUMNS)),
            direction: this.mostly(this.pick(["asc", "desc"])),
            ...(this.chance(0.3) && { nulls: this.mostly("last") }),
          })),
        ),
      }),
      ...(this.chance(0.4) && { limit: this.mostly(1 + this.whole(50)) }),
      ...(this.chance(0.3) && {
        columns: this.mostly(Array.from({ length: 1 + this.whole(3) }, () => this.pick(COLUMNS))),
      }),
      ...(this.chance(0.05) && { [this.word()]: this.value() }),
    };
  }

  /** A frame of a client, as text, valid or nearly. */
  frame(): string {
    if (this.chance(0.03)) return this.noise(JSON.stringify(this.message()));
    return JSON.stringify(this.mostly(this.message())) ?? "";
  }

  message(): Record<string, unknown> {
    const op = this.pick(OPS);
    const cursor = {
      epoch: this.mostly(this.word()),
      view: this.mostly(this.word()),
      seq: this.mostly(this.whole(40)),
    };
    const subscriptions = Array.from({ length: this.whole(4) }, () =>
      this.mostly(
        this.chance(0.3)
          ? this.pick(NAMES)
          : {
              ...(this.query() as object),
              ...(this.chance(0.3) && { cursor: this.mostly(cursor) }),
            },
      ),
    );
    return {
      op: this.mostly(op),
      ...(this.chance(0.3) && {
        protocol: this.mostly(5 + this.whole(4)),
        ...(this.chance(0.5) && { protocol_min: this.mostly(5 + this.whole(4)) }),
      }),
      ...(this.chance(0.7) && { subscriptions: this.mostly(subscriptions) }),
      ...(this.chance(0.3) && { id: this.mostly(this.whole(100)) }),
      ...(this.chance(0.4) && {
        session_id: this.mostly(this.word()),
        last_seq: this.mostly(this.whole(40)),
      }),
      ...(this.chance(0.3) && {
        view: this.mostly(this.word()),
        seq: this.mostly(this.whole(40)),
        views: this.mostly([this.word()]),
      }),
      ...(this.chance(0.4) && {
        turns: this.mostly(this.chance(0.2) ? null : this.whole(5)),
        channel_credit: this.mostly({ [this.word()]: this.whole(3) }),
      }),
      ...(this.chance(0.3) && {
        mutation_id: this.mostly(`mutation-${this.whole(50)}`),
        name: this.mostly("set"),
        input: this.mostly({ id: this.word() }),
        ...(this.chance(0.3) && {
          expected_seq: this.mostly(this.whole(40)),
          epoch: this.mostly(this.word()),
        }),
      }),
      ...(this.chance(0.1) && { auth: this.value(), position: this.word() }),
    };
  }

  /** Replaces one value. */
  changed(text: string): string {
    if (text === "" || this.chance(0.2)) return text;
    const at = this.whole(text.length);
    const kind = this.whole(3);
    if (kind === 0) return text.slice(0, at) + text.slice(at + 1);
    if (kind === 1)
      return text.slice(0, at) + String.fromCharCode(33 + this.whole(94)) + text.slice(at + 1);
    return text.slice(0, at) + text.slice(at, at + 1 + this.whole(8)) + text.slice(at);
  }

  noise(text: string): string {
    let noisy = text;
    for (let count = 1 + this.whole(4); count > 0; count--) noisy = this.changed(noisy);
    return noisy;
  }
}
