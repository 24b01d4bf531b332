/** The table of channels: their declarations, which table has their rows, and what was trimmed. */
import type { ChannelDeclaration } from "../../log/channel.ts";
import type { StoredChannel } from "../history.ts";
import { textKey } from "../sql/order-key.ts";
import { OWN_TABLES, tableSql } from "./channel-table.ts";
import type { ClickHouseConnection } from "./connection.ts";

export interface CatalogEntry {
  readonly stored: StoredChannel;
  readonly table: string;
  /** Queries as of a lower seq are refused. */
  readonly fromSeq: number;
  readonly fromTimeMs: number;
}

export class ChannelCatalog {
  readonly #connection: ClickHouseConnection;
  readonly #table: string;
  readonly #entries = new Map<string, CatalogEntry>();
  #version = 0;

  constructor(connection: ClickHouseConnection, database: string) {
    this.#connection = connection;
    this.#table = tableSql(database, `${OWN_TABLES}channels`);
  }

  async create(): Promise<void> {
    await this.#connection.run(`CREATE TABLE IF NOT EXISTS ${this.#table} (
      channel String, version UInt64, table_name String, declaration String, source Nullable(String),
      from_seq UInt64, from_time_ms Int64
    ) ENGINE = ReplacingMergeTree(version) ORDER BY channel`);
  }

  async load(): Promise<void> {
    const rows = await this.#connection.rows<
      [number, string, string, string | null, number, number]
    >(`SELECT version, table_name, declaration, source, from_seq, from_time_ms
       FROM ${this.#table} FINAL ORDER BY version`);
    this.#entries.clear();
    for (const [version, table, text, source, fromSeq, fromTimeMs] of rows) {
      this.#version = Math.max(this.#version, version);
      const channel = parseDeclaration(text);
      const stored = { channel, source: source ?? undefined };
      this.#entries.set(channel.name, { stored, table, fromSeq, fromTimeMs });
    }
  }

  get all(): readonly CatalogEntry[] {
    return [...this.#entries.values()];
  }

  get(channel: string): CatalogEntry | undefined {
    return this.#entries.get(channel);
  }

  async put(entry: CatalogEntry): Promise<void> {
    const { stored, table, fromSeq, fromTimeMs } = entry;
    const { channel, source } = stored;
    const version = ++this.#version;
    const row = [
      textKey(channel.name),
      version,
      table,
      declarationText(channel),
      source ?? null,
      fromSeq,
      fromTimeMs,
    ];
    await this.#connection.insert(
      this.#table,
      ["channel", "version", "table_name", "declaration", "source", "from_seq", "from_time_ms"],
      [`${JSON.stringify(row)}\n`],
      "",
    );
    this.#entries.set(channel.name, entry);
  }
}

const INFINITE = "Infinity";

/** JSON with Infinity, which bounds may be, as a text. */
function declarationText(channel: ChannelDeclaration): string {
  return JSON.stringify(channel, (_key, value: unknown) =>
    value === Number.POSITIVE_INFINITY ? INFINITE : value,
  );
}

function parseDeclaration(text: string): ChannelDeclaration {
  const { bounds, history, ...rest } = JSON.parse(text) as ChannelDeclaration;
  return {
    ...rest,
    bounds: withInfinity(bounds),
    ...(history !== undefined && { history: withInfinity(history) }),
  };
}

function withInfinity<T extends object>(limits: T): T {
  return Object.fromEntries(
    Object.entries(limits).map(([name, value]: [string, unknown]) => [
      name,
      value === INFINITE ? Number.POSITIVE_INFINITY : value,
    ]),
  ) as T;
}
