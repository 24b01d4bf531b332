/**
 * How connections of `pg` are configured: the application's settings, with those that the reader
 * and the mutations need in addition.
 */

/** The configuration that `pg`'s Client and Pool take; `pg` has the documentation of each field. */
export interface PgConfig {
  readonly connectionString?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly database?: string | undefined;
  readonly user?: string | undefined;
  /** A function is called for each new connection, so it may fetch a token that expires (IAM). */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /** Options of Node's `tls.connect`: `{ ca, rejectUnauthorized, … }`. */
  readonly ssl?: boolean | object | undefined;
  readonly sslnegotiation?: "postgres" | "direct" | undefined;
  readonly enableChannelBinding?: boolean | undefined;
  readonly stream?: unknown;
  readonly options?: string | undefined;
  readonly application_name?: string | undefined;
  readonly fallback_application_name?: string | undefined;
  readonly client_encoding?: string | undefined;
  readonly connectionTimeoutMillis?: number | undefined;
  readonly keepAlive?: boolean | undefined;
  readonly keepAliveInitialDelayMillis?: number | undefined;
  readonly statement_timeout?: false | number | undefined;
  readonly query_timeout?: number | undefined;
  readonly lock_timeout?: number | undefined;
  readonly idle_in_transaction_session_timeout?: number | undefined;
  readonly types?: unknown;
  readonly pipeline?: boolean | undefined;
  readonly max?: number | undefined;
  readonly min?: number | undefined;
  readonly idleTimeoutMillis?: number | null | undefined;
  readonly maxUses?: number | undefined;
  readonly maxLifetimeSeconds?: number | undefined;
  readonly allowExitOnIdle?: boolean | undefined;
  readonly log?: unknown;
  readonly Promise?: unknown;
  readonly Client?: unknown;
  readonly onConnect?: unknown;
  readonly verify?: unknown;
}

/**
 * Server, role, password and TLS: the settings that the reader's connections share with the
 * application's.
 */
const ADDRESS = [
  "connectionString",
  "host",
  "port",
  "database",
  "user",
  "password",
  "ssl",
  "sslnegotiation",
  "enableChannelBinding",
  "stream",
  "options",
] as const satisfies readonly (keyof PgConfig)[];

/**
 * For connections of the reader, whose statements read values as `pg` does by default and set their
 * own timeouts.
 */
export function addressIn(config: PgConfig): PgConfig {
  const given = withoutSettings(config, READ_SETTINGS);
  return Object.fromEntries(
    ADDRESS.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );
}

/** Settings of a connection string that `pg` would prefer to the source's own: for mutations… */
export const WRITE_SETTINGS: readonly string[] = [
  "application_name",
  "statement_timeout",
  "query_timeout",
  "idle_in_transaction_session_timeout",
];
/** …and for the reader. */
const READ_SETTINGS: readonly string[] = [...WRITE_SETTINGS, "lock_timeout", "types", "pipeline"];

/** The configuration with its connection string without these settings. */
export function withoutSettings(config: PgConfig, settings: readonly string[]): PgConfig {
  const { connectionString } = config;
  const at = connectionString?.indexOf("?") ?? -1;
  if (connectionString === undefined || at < 0) return config;
  const kept = connectionString
    .slice(at + 1)
    .split("&")
    .filter((parameter) => !settings.includes(parameter.split("=", 1)[0] ?? ""));
  const query = kept.length === 0 ? "" : `?${kept.join("&")}`;
  return { ...config, connectionString: connectionString.slice(0, at) + query };
}

/** `host:port/database`, never credentials. */
export function labelOf({ connectionString, host, port, database }: PgConfig): string {
  if (connectionString !== undefined) {
    if (!URL.canParse(connectionString)) return "postgres";
    const url = new URL(connectionString);
    return `${url.host || "localhost"}${url.pathname}`;
  }
  const at = port === undefined ? (host ?? "localhost") : `${host ?? "localhost"}:${port}`;
  return database === undefined ? at : `${at}/${database}`;
}
