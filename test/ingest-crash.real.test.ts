/** Requests with an Idempotency-Key, to a server that is killed: each is written once. */
import { fork, type ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { duckdb } from "../src/history/duckdb/index.ts";
import { seededRandom } from "../src/std/random.ts";
import { makeFolder } from "./support/shared-folder.ts";

const SERVER = fileURLToPath(new URL("support/ingest-server.ts", import.meta.url));
/** `INGEST_KILLS=200` for a long run. */
const KILLS = Number(process.env["INGEST_KILLS"] ?? 1);
const REQUESTS = 12;
const ROWS = 3;

class KilledServer {
  readonly url: Promise<string>;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(file: string) {
    this.#child = fork(SERVER, [file], { execArgv: ["--import", "tsx"] });
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.url = new Promise((resolve, reject) => {
      this.#child.once("message", (url: string) => resolve(url));
      this.#child.once("exit", (code) => reject(new Error(`The server ended with ${code}.`)));
    });
    this.url.catch(() => {});
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}

const idsOf = (at: number): readonly string[] =>
  Array.from({ length: ROWS }, (_, row) => `${at}-${row}`);
const bodyOf = (at: number): string =>
  idsOf(at)
    .map((id) => `${JSON.stringify({ id, request: at })}\n`)
    .join("");

/** The seq of the answer; undefined when none came. */
async function send(url: string, at: number): Promise<number | undefined> {
  const answer = await fetch(`${url}/v2/ingest/readings`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson", "idempotency-key": `request-${at}` },
    body: bodyOf(at),
  }).then(
    async (response) => ({ status: response.status, body: (await response.json()) as object }),
    () => undefined,
  );
  if (answer === undefined) return undefined;
  expect(answer).toMatchObject({ status: 200, body: { rows: ROWS, durable: true } });
  return (answer.body as { readonly seq: number }).seq;
}

/** The first half of a body, which is cut in the middle of a row. */
function sendHalf(url: string, at: number): void {
  const { hostname, port } = new URL(url);
  const sent = request({
    host: hostname,
    port,
    path: "/v2/ingest/readings",
    method: "POST",
    headers: { "content-type": "application/x-ndjson", "idempotency-key": `request-${at}` },
  });
  sent.on("error", () => {});
  sent.write(bodyOf(at).slice(0, -8));
}

it(
  "are written once, each with one seq, though the server is killed and they are sent again and twice at once",
  async () => {
    const folder = makeFolder("tidemark-ingest-kill-");
    const file = join(folder, "history.duckdb");
    const random = seededRandom(Number(process.env["INGEST_SEED"] ?? 1));
    const seqs = new Map<number, number>();
    const total = REQUESTS * (KILLS + 1);
    let server = new KilledServer(file);
    const sendAll = async (url: string, end: number, onAnswer: () => void): Promise<void> => {
      const requests = Array.from({ length: end }, (_, at) => [at, at]).flat();
      await Promise.all(
        requests.map(async (at) => {
          const seq = await send(url, at);
          if (seq === undefined) return;
          expect(seq, `request ${at}`).toBe(seqs.get(at) ?? seq);
          seqs.set(at, seq);
          onAnswer();
        }),
      );
    };
    for (let kill = 1; kill <= KILLS; kill++) {
      const url = await server.url;
      sendHalf(url, kill * REQUESTS);
      let left = 1 + Math.floor(random.next() * kill * REQUESTS);
      let killed: Promise<void> | undefined;
      await sendAll(url, kill * REQUESTS, () => {
        if (--left === 0) killed = server.kill();
      });
      await killed;
      server = new KilledServer(file);
    }
    await sendAll(await server.url, total, () => {});
    await server.kill();
    expect(seqs.size).toBe(total);
    const store = duckdb(file);
    const { seq: through } = await store.open();
    const query = { channels: ["readings"], after: 0, through, entriesMax: 1_000_000 };
    const { entries } = await store.changes(query);
    await store.close();
    const expected = Array.from(seqs, ([at, seq]) => idsOf(at).map((id) => `${seq} ${id}`)).flat();
    expect(entries.map(({ key, seq }) => `${seq} ${key}`).sort()).toEqual(expected.sort());
    rmSync(folder, { recursive: true });
  },
  60_000 + KILLS * 20_000,
);
