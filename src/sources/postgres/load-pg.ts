/**
 * The driver `pg`, an optional peer dependency: loaded when first used; and a Client that closes
 * connections which `pg` leaves open.
 */
import type { Client } from "pg";
import { TidemarkError } from "../../std/errors.ts";

/** @throws TidemarkError `BAD_OPTION` when it is not installed */
export async function loadPg(): Promise<typeof import("pg").default> {
  const loaded = await import("pg").catch((cause: unknown) => {
    throw new TidemarkError(
      "BAD_OPTION",
      "The postgres source needs the package pg: npm install pg.",
      { cause },
    );
  });
  return loaded.default;
}

type Pg = Awaited<ReturnType<typeof loadPg>>;

/**
 * Ends a connection at once, in any state. `pg` leaves it open when a password function
 * throws, and Postgres then waits a minute for the password: each attempt would take one of its
 * connections.
 */
export function closeSocket(client: Client): void {
  (
    client as unknown as { readonly connection?: { readonly stream: { destroy(): void } } }
  ).connection?.stream.destroy();
}

type Connected = (error: Error | null) => void;
type Connecting = new (config: unknown) => { connect(callback: Connected): void };

/** A Client for a Pool, which by itself does not end clients that could not connect. */
export function closingClient(pg: Pg, base: unknown = pg.Client): Pg["Client"] {
  class ClosingClient extends (base as Connecting) {
    override connect(callback: Connected): void {
      super.connect((error) => {
        if (error !== null && error !== undefined) closeSocket(this as unknown as Client);
        callback(error);
      });
    }
  }
  return ClosingClient as unknown as Pg["Client"];
}
