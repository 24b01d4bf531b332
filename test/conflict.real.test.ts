/**
 * Twenty users make a thousand edits and undos of the same thirty rows of a real Postgres, and the
 * server is killed twice meanwhile. Each edit is made once or refused, no user sees an older value
 * after a newer one, and all screens end equal to the database.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkHistory, type ShownValue } from "../sim/history-check.ts";
import type { mutations } from "../examples/review/mutations.ts";
import {
  createClient,
  MutationError,
  type LiveView,
  type TidemarkClient,
  type TypedChannel,
} from "../src/client/node.ts";
import { seededRandom, type Random } from "../src/std/random.ts";
import { startPostgres, type PostgresServer } from "./support/postgres-server.ts";
import { startReview, type ReviewServer } from "./support/review-server.ts";

type Result = {
  readonly id: string;
  readonly value: string;
  readonly status: "pending" | "accepted" | "rejected";
  readonly supplier: string | null;
  readonly reviewed_by: string | null;
};
type Channels = { extraction_results: TypedChannel<Result> };

const PEOPLE = 20;
const EDITS = 1_000;
const ROWS = 30;
const RESULTS = "extraction_results";

class Person {
  readonly client: TidemarkClient<Channels, typeof mutations>;
  readonly view: LiveView<Result>;
  readonly own = new Set<string>();
  readonly seen = new Map<string, ShownValue[]>();
  refused = 0;
  readonly #name: string;
  readonly #random: Random;
  #edits = 0;

  constructor(url: string, name: string, keys: readonly string[], isOptimistic: boolean) {
    this.#name = name;
    this.#random = seededRandom(Number(name.replace(/\D/g, "")));
    this.client = createClient<Channels, typeof mutations>({
      url: `${url}/v2/stream`,
      auth: { id: name, name },
      backoff: { firstMs: 100, delaysMs: [200, 400] },
      ...(isOptimistic && {
        optimistic: {
          results: {
            edit: ({ id, value }) => ({
              channel: RESULTS,
              key: id,
              set: { value, status: "accepted" },
            }),
            restore: ({ id, value, status }) => ({
              channel: RESULTS,
              key: id,
              set: { value, status },
            }),
          },
        },
      }),
    });
    this.view = this.client.live({ channel: RESULTS, where: { column: "id", in: keys } });
    this.view.subscribe(() => this.#look());
  }

  /**
   * Makes an edit, or undoes one that nobody has changed since. Resolves when it is written or
   * refused.
   */
  async edit(): Promise<void> {
    const { rows } = this.view.getSnapshot();
    const row = rows[Math.floor(this.#random.next() * rows.length)];
    if (row === undefined) throw new Error(`rows are gone: ${this.view.getSnapshot().status}`);
    const value = `${this.#name}-${++this.#edits}`;
    this.own.add(value);
    const isUndo = this.#random.next() < 0.3;
    try {
      if (!isUndo) await this.client.mutate.results.edit({ id: row.id, value });
      else
        await this.client.mutate.results.restore(
          { id: row.id, value, status: "pending", supplier: null, reviewed_by: null },
          { expectedSeq: this.client.cursor?.seq ?? 0 },
        );
    } catch (error) {
      if (!(error instanceof MutationError) || error.code !== "STALE_WRITE") throw error;
      this.refused++;
    }
  }

  #look(): void {
    for (const { id, value } of this.view.getSnapshot().rows) {
      const values = this.seen.get(id) ?? [];
      this.seen.set(id, values);
      if (values.at(-1) !== value) values.push(value);
    }
  }
}

describe("many users on the same rows", () => {
  let postgres: PostgresServer;
  let server: ReviewServer;
  const people: Person[] = [];

  beforeAll(async () => {
    postgres = await startPostgres(18);
    server = await startReview({ databaseUrl: postgres.url });
  });
  afterAll(async () => {
    for (const { client } of people) client.close();
    await server.stop();
    await postgres.remove();
  });

  it(
    "ends with all screens equal to the database, each edit made once, and no older value shown",
    { timeout: 120_000 },
    async () => {
      // A table of all values written to each row, in order.
      await postgres.sql(`
      CREATE TABLE written (number bigint GENERATED ALWAYS AS IDENTITY, id text, value text);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO written (id, value) VALUES (NEW.id, NEW.value); RETURN NULL; END';
      CREATE TRIGGER note AFTER UPDATE ON extraction_results FOR EACH ROW EXECUTE FUNCTION note();`);
      const keys = (
        await postgres.sql(`SELECT id, value FROM extraction_results ORDER BY id LIMIT ${ROWS}`)
      ).rows as { id: string; value: string }[];
      for (let index = 0; index < PEOPLE; index++)
        people.push(
          new Person(
            server.url,
            `person${index}`,
            keys.map(({ id }) => id),
            index % 2 === 0,
          ),
        );
      for (const { view } of people)
        await expect.poll(() => view.getSnapshot().rows.length, { timeout: 20_000 }).toBe(ROWS);

      let done = 0;
      let kills = 0;
      const killed: Promise<void>[] = [];
      const kill = async (): Promise<void> => {
        const { port } = server;
        await server.stop("SIGKILL");
        server = await startReview({ databaseUrl: postgres.url, port });
      };
      await Promise.all(
        people.map(async (person) => {
          for (let edit = 0; edit < EDITS / PEOPLE; edit++) {
            await person.edit();
            done++;
            if (kills < 2 && done >= (EDITS / 3) * (kills + 1)) {
              kills++;
              killed.push(kill());
            }
          }
        }),
      );
      await Promise.all(killed);
      expect([done, kills]).toEqual([EDITS, 2]);

      const present = new Map(
        (
          (await postgres.sql(`SELECT id, value, status FROM extraction_results`)).rows as {
            id: string;
            value: string;
            status: string;
          }[]
        ).map((row) => [row.id, row]),
      );
      for (const { view, client } of people) {
        await expect
          .poll(
            () =>
              view
                .getSnapshot()
                .rows.map(({ id, value, status }) => [id, value, status])
                .sort(),
            { timeout: 20_000 },
          )
          .toEqual(
            keys.map(({ id }) => [id, present.get(id)?.value, present.get(id)?.status]).sort(),
          );
        expect(client.pendingWrites.getSnapshot()).toEqual([]);
      }

      const written = (await postgres.sql("SELECT id, value FROM written ORDER BY number"))
        .rows as { id: string; value: string }[];
      const refused = people.reduce((sum, person) => sum + person.refused, 0);
      expect(new Set(written.map(({ value }) => value)).size, "no edit was made twice").toBe(
        written.length,
      );
      expect(written.length, "what was not made was refused").toBe(EDITS - refused);
      for (const { seen, own } of people) {
        for (const [key, values] of seen) {
          const history = [
            { value: keys.find(({ id }) => id === key)?.value },
            ...written.filter(({ id }) => id === key),
          ];
          expect(
            checkHistory(values, {
              history,
              isOwn: (value) => own.has(value),
              wasRemovalRequested: false,
            }),
            `of ${key}: ${values.join(" → ")}`,
          ).toBeUndefined();
        }
      }
      console.log(
        `${EDITS} edits by ${PEOPLE}: ${written.length} made, ${refused} refused as stale, server killed ${kills} times`,
      );
    },
  );
});
