/** The server under test: connections, requests, and the rows that the checks share. */
import { keyOf, type Row } from "../../protocol/row.ts";
import { VERSIONS } from "../../protocol/version.ts";
import type { Frame, Headers } from "./raw-client.ts";
import { RawClient } from "./raw-client.ts";
import { must, skip } from "./check-result.ts";
import { ingestWrite, mutationWrite, Writer } from "./writer.ts";

export interface TestedServerOptions {
  /** The address of the stream: `ws://host/v2/stream`. */
  readonly url: string;
  /** A channel that the caller may see. */
  readonly channel: string;
  /** The `auth` of IDENTIFY. */
  readonly auth: unknown;
  /** Sent with each request and upgrade, because HTTP has no `auth`. */
  readonly headers: Headers;
  /** A mutation that takes `{upsert, remove}` and writes to the channel. */
  readonly mutation: string | undefined;
  /** An address that takes the same by POST, and answers `{"seq": N}`. */
  readonly ingest: string | undefined;
  /** How long an answer may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Also make checks that take up to 45 s. */
  readonly isSlow: boolean;
}

export type Query = Frame & { readonly channel: string };

export class TestedServer {
  readonly options: TestedServerOptions;
  readonly channel: string;
  readonly auth: unknown;
  readonly timeoutMs: number;
  /** `http://host/v2`. */
  readonly base: string;
  readonly #clients: RawClient[] = [];
  readonly #longLived: RawClient[] = [];
  readonly #writer: Writer | undefined;
  #ownColumns: Promise<string | undefined> | undefined;

  constructor(options: TestedServerOptions) {
    this.options = options;
    this.channel = options.channel;
    this.auth = options.auth;
    this.timeoutMs = options.timeoutMs;
    this.base = options.url.replace(/^ws/, "http").replace(/\/[^/]*$/, "");
    const { mutation, ingest, headers, timeoutMs } = options;
    if (mutation !== undefined)
      this.#writer = new Writer(mutationWrite(mutation, () => this.#openLongLived()));
    else if (ingest !== undefined)
      this.#writer = new Writer(ingestWrite(ingest, headers, timeoutMs));
  }

  /** A connection on which nothing was sent yet. It ends with the check. */
  readonly connect = async (headers: Headers = {}): Promise<RawClient> => {
    const client = this.open(headers);
    await client.receive({ op: "HELLO" });
    return client;
  };

  /** The same, for a connection that may be refused; `path` in place of that of the stream. */
  open(headers: Headers = {}, path?: string): RawClient {
    const { url } = this.options;
    const client = new RawClient(
      path === undefined ? url : url.replace(/\/[^/]*$/, path),
      { ...this.options.headers, ...headers },
      this.timeoutMs,
    );
    this.#clients.push(client);
    return client;
  }

  readonly identified = async (
    subscriptions: readonly unknown[] = [],
    more: Frame = {},
  ): Promise<RawClient> => {
    const client = await this.connect();
    client.send({ op: "IDENTIFY", ...VERSIONS, auth: this.auth, subscriptions, ...more });
    await client.receive({ type: "READY" });
    return client;
  };

  /** Writes the suite's own rows; the channel needs the columns for them. */
  async writer(): Promise<Writer> {
    if (this.#writer === undefined) skip("needs writes: give --mutation NAME or --ingest URL");
    this.#ownColumns ??= this.#whyNoRows();
    const why = await this.#ownColumns;
    if (why !== undefined) skip(why);
    return this.#writer;
  }

  /**
   * A request below the stream's base path. Skips the check when HTTP needs credentials that were
   * not given.
   */
  async http(
    path: string,
    init: RequestInit & { readonly headers?: Headers } = {},
  ): Promise<Response> {
    const { headers, timeoutMs } = this.options;
    const response = await fetch(`${this.base}${path}`, {
      signal: AbortSignal.timeout(timeoutMs),
      ...init,
      headers: { ...headers, ...init.headers },
    });
    if (response.status === 401) {
      await response.body?.cancel();
      if (this.auth !== undefined && Object.keys(headers).length === 0)
        skip("HTTP answers 401: it has no `auth`; give --header with what the server takes");
      must(false, `${path} answers 401, although the stream takes the same credentials`);
    }
    return response;
  }

  /** The same, for a JSON answer. */
  async json(
    path: string,
    init: RequestInit & { readonly headers?: Headers } = {},
  ): Promise<{
    readonly status: number;
    readonly body: Frame;
    readonly headers: Response["headers"];
  }> {
    const response = await this.http(path, init);
    const text = await response.text();
    try {
      return {
        status: response.status,
        headers: response.headers,
        body: JSON.parse(text) as Frame,
      };
    } catch {
      must(false, `${path} answers ${response.status} with something that is not JSON`, text);
    }
  }

  /** Ends the connections of one check. */
  endCheck(): void {
    for (const client of this.#clients.splice(0)) client.end();
  }

  /** Removes the suite's rows, and ends all connections. */
  async end(): Promise<void> {
    try {
      await this.#writer?.clear();
    } finally {
      for (const client of [...this.#clients, ...this.#longLived]) client.end();
    }
  }

  async #openLongLived(): Promise<RawClient> {
    const client = await this.identified();
    this.#clients.splice(this.#clients.indexOf(client), 1);
    this.#longLived.push(client);
    return client;
  }

  async #whyNoRows(): Promise<string | undefined> {
    const client = await this.identified([this.channel]);
    const { key, columns } = await client.receive({ type: "SUBSCRIBED" });
    const names =
      (columns as readonly { name: string }[] | undefined)?.map(({ name }) => name) ?? [];
    const isFit =
      JSON.stringify(key) === '["id"]' &&
      ["id", "kind", "amount", "note"].every((name) => names.includes(name));
    return isFit
      ? undefined
      : `needs a channel with the key id and the columns kind (text), amount (number or null) and note (text or null); "${this.channel}" has the key ${JSON.stringify(key)} and ${names.join(", ")}`;
  }
}

/** Rows by their key. */
export function byKey(rows: readonly Row[], keyColumns: readonly string[]): Map<string, Row> {
  return new Map(rows.map((row) => [keyOf(row, keyColumns) ?? "", row]));
}
