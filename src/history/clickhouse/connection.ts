/**
 * Statements on a ClickHouse server, through its HTTP interface. Each has its own limits of time
 * and memory, and errors are told apart: a query that costs too much is the caller's, all else
 * means that the store is unavailable. The driver `@clickhouse/client` is an optional peer
 * dependency.
 */
import { Readable } from "node:stream";
import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import type { Clock } from "../../std/clock.ts";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import { parseExactJson } from "../../protocol/exact-json.ts";
import type { StoreQueryParameters } from "../history.ts";
import type { ClickHouseLimits } from "./limits.ts";

export interface ConnectionOptions {
  readonly url: string;
  readonly limits: ClickHouseLimits;
  readonly clock: Clock;
}

export type Cell = string | number | boolean | null;
export type Parameters = Readonly<Record<string, Cell | readonly Cell[]>>;

/** The server's codes for a query over its limits: time, estimated time, rows, bytes, memory. */
const TOO_COSTLY: ReadonlySet<string> = new Set(["159", "160", "158", "307", "241"]);

/** What an answer may wait for beyond the server's own limit of time. */
export const NETWORK_MS_MAX = 5_000;

const SETTINGS: ClickHouseSettings = {
  // Seqs are below 2^53, so they are exact as JSON numbers.
  output_format_json_quote_64bit_integers: 0,
  join_use_nulls: 1,
  // Inserts and deletions are answered when they are done.
  async_insert: 0,
  mutations_sync: "2",
  wait_end_of_query: 1,
  insert_deduplicate: 1,
  // Statements name many rows.
  max_query_size: String(64 * 1024 * 1024),
};

/** A query of the program's own changes nothing but settings. */
const OWN_QUERY: ClickHouseSettings = { readonly: "2", date_time_output_format: "iso" };

export class ClickHouseConnection {
  readonly #client: ClickHouseClient;
  readonly #options: ConnectionOptions;
  readonly #requests = new Set<AbortController>();
  #isStopped = false;

  /** @throws TidemarkError `BAD_OPTION` when the driver is not installed, or for a bad address */
  static async open(options: ConnectionOptions): Promise<ClickHouseConnection> {
    const driver = await import("@clickhouse/client").catch((cause: unknown) => {
      throw new TidemarkError(
        "BAD_OPTION",
        "The ClickHouse store needs the package @clickhouse/client: npm install @clickhouse/client.",
        { cause },
      );
    });
    try {
      const client = driver.createClient({
        url: options.url,
        request_timeout: options.limits.changeMsMax + NETWORK_MS_MAX,
        // Errors are thrown, and logged by who catches them.
        log: { level: driver.ClickHouseLogLevel.OFF },
      });
      return new ClickHouseConnection(client, options);
    } catch (cause) {
      throw new TidemarkError(
        "BAD_OPTION",
        `The ClickHouse store can't use its address: ${messageOf(cause)}`,
        { cause },
      );
    }
  }

  private constructor(client: ClickHouseClient, options: ConnectionOptions) {
    this.#client = client;
    this.#options = options;
  }

  /**
   * The rows of a query, as arrays. @throws TidemarkError `QUERY_TOO_COSTLY`,
   * `HISTORY_UNAVAILABLE`; the signal's reason when it stops the query
   */
  async rows<R extends readonly unknown[]>(
    query: string,
    parameters: Parameters = {},
    signal?: AbortSignal,
  ): Promise<readonly R[]> {
    return this.#within(this.#options.limits.queryMsMax, signal, async (ended) => {
      const result = await this.#query(query, parameters, ended);
      return result.json<R>();
    });
  }

  /**
   * The rows of a query of the program's own, as objects; it only reads. Numbers that JavaScript
   * can't hold exactly are texts, times ISO 8601. @throws as `rows`
   */
  async objects(
    query: string,
    parameters: StoreQueryParameters,
    signal?: AbortSignal,
  ): Promise<readonly object[]> {
    return this.#within(this.#options.limits.queryMsMax, signal, async (ended) => {
      const result = await this.#client.query({
        query,
        query_params: parameters,
        format: "JSONEachRow",
        abort_signal: ended,
        clickhouse_settings: { ...this.#querySettings, ...OWN_QUERY },
      });
      const text = await result.text();
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => parseExactJson(line) as object);
    });
  }

  /** The rows of a long answer, as they come. @throws as `rows` */
  async *stream<R extends readonly unknown[]>(
    query: string,
    parameters: Parameters = {},
  ): AsyncGenerator<R> {
    const request = this.#begin();
    try {
      const rows = await this.#reporting(undefined, async () => {
        const result = await this.#query(query, parameters, request.signal);
        return result.stream<R>();
      });
      for await (const some of rows) {
        for (const row of some) yield row.json<R>();
      }
    } finally {
      this.#requests.delete(request);
    }
  }

  /** A statement without an answer. @throws TidemarkError `HISTORY_UNAVAILABLE` */
  async run(statement: string, parameters: Parameters = {}): Promise<void> {
    const { changeMsMax } = this.#options.limits;
    await this.#within(changeMsMax, undefined, (ended) =>
      this.#client.command({
        query: statement,
        query_params: parameters,
        abort_signal: ended,
        clickhouse_settings: { ...SETTINGS, ...timeMax(changeMsMax) },
      }),
    );
  }

  /**
   * Inserts rows, which come as texts with one JSON array per row and line. All or nothing; a
   * repeated insert with the same token has no effect. @throws TidemarkError `HISTORY_UNAVAILABLE`
   */
  async insert(
    table: string,
    columns: readonly string[],
    texts: Iterable<string> | AsyncIterable<string>,
    token: string,
  ): Promise<void> {
    const { writeMsMax } = this.#options.limits;
    await this.#within(writeMsMax, undefined, async (ended) => {
      const { stream } = await this.#client.exec({
        query: `INSERT INTO ${table} (${columns.join(", ")}) FORMAT JSONCompactEachRow`,
        values: Readable.from(texts, { objectMode: false }),
        abort_signal: ended,
        clickhouse_settings: {
          ...SETTINGS,
          ...timeMax(writeMsMax),
          insert_deduplication_token: token,
        },
      });
      stream.resume();
    });
  }

  /** Ends what runs, and what is asked for later, with an error. */
  abort(): void {
    this.#isStopped = true;
    for (const request of this.#requests) request.abort();
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #query(query: string, parameters: Parameters, signal: AbortSignal) {
    return this.#client.query({
      query,
      query_params: parameters,
      format: "JSONCompactEachRow",
      abort_signal: signal,
      clickhouse_settings: this.#querySettings,
    });
  }

  get #querySettings(): ClickHouseSettings {
    const { queryMsMax, queryBytesMax } = this.#options.limits;
    return {
      ...SETTINGS,
      ...timeMax(queryMsMax),
      max_memory_usage: String(queryBytesMax),
      cancel_http_readonly_queries_on_client_close: 1,
    };
  }

  /** A server that is silent for longer than its own limit allows is given up. */
  async #within<T>(
    ms: number,
    signal: AbortSignal | undefined,
    work: (ended: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const request = this.#begin();
    const end = (): void => request.abort();
    const cancel = this.#options.clock.after(ms + NETWORK_MS_MAX, end);
    signal?.addEventListener("abort", end);
    try {
      return await this.#reporting(signal, () => work(request.signal));
    } finally {
      cancel();
      signal?.removeEventListener("abort", end);
      this.#requests.delete(request);
    }
  }

  #begin(): AbortController {
    if (this.#isStopped)
      throw new TidemarkError("HISTORY_UNAVAILABLE", "The connection to ClickHouse was ended.");
    const request = new AbortController();
    this.#requests.add(request);
    return request;
  }

  async #reporting<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (cause) {
      signal?.throwIfAborted();
      const code = (cause as { readonly code?: unknown }).code;
      throw typeof code === "string" && TOO_COSTLY.has(code)
        ? new TidemarkError(
            "QUERY_TOO_COSTLY",
            `The history query takes more time or memory than it may: ${messageOf(cause)}`,
            { cause },
          )
        : new TidemarkError("HISTORY_UNAVAILABLE", `ClickHouse: ${messageOf(cause)}`, { cause });
    }
  }
}

function timeMax(ms: number): ClickHouseSettings {
  return { max_execution_time: ms / 1_000 };
}

/** A name as SQL. */
export function quotedName(name: string): string {
  return `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;
}
