/**
 * Decides who may connect. Origins and hosts are checked before anything is read; identities come
 * from the application's `authenticate`.
 */
import { isIP } from "node:net";
import { hostname } from "node:os";
import { TidemarkError } from "../../std/errors.ts";
import type { ConnectionRequest } from "../turn/dialect.ts";
import type { Identity } from "../policies.ts";
import { identityText } from "../identity.ts";

/** An identity, or a refusal. */
type Authenticated<Caller> = Caller | null | undefined | false;

/**
 * Returns the caller's identity as plain JSON data, different for different callers, or throws (or
 * returns null) to refuse. Its type is the type of `caller` in policies and handlers. `auth` is
 * the value that the client sent in IDENTIFY; undefined for GET.
 */
export type Authenticate<Caller = Identity> = (
  request: ConnectionRequest,
  auth: unknown,
) => Authenticated<Caller> | Promise<Authenticated<Caller>>;

export interface AccessOptions {
  readonly authenticate?: Authenticate | undefined;
  /** Origins besides the server's own, such as `https://app.example.com`; `*` allows all. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** The address that was bound, which is an allowed Host. */
  readonly host?: string | undefined;
}

export class Access {
  readonly #authenticate: Authenticate | undefined;
  readonly #origins: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string>;

  constructor({ authenticate, allowedOrigins = [], host }: AccessOptions) {
    this.#authenticate = authenticate;
    this.#origins = new Set(allowedOrigins.map((origin) => origin.replace(/\/$/, "")));
    this.#hosts = new Set(
      ["localhost", hostname(), host, ...allowedOrigins.map(hostOfOrigin)].flatMap((name) =>
        name ? [name.toLowerCase()] : [],
      ),
    );
  }

  /**
   * Why a request is refused before it is read, or undefined. Browsers send Origin with requests
   * of another site's page. A foreign Host means that another domain name points to this server
   * (DNS rebinding). With `authenticate` the Host is not checked.
   */
  refusal(headers: ConnectionRequest["headers"]): TidemarkError | undefined {
    const host = String(headers["host"] ?? "").toLowerCase();
    const origin = headers["origin"];
    if (this.#authenticate === undefined && !this.#isKnownHost(host)) {
      return new TidemarkError(
        "FORBIDDEN_ORIGIN",
        `The Host "${host}" is not this server's. Allow it with allowedOrigins (--allow-origin http://${host}).`,
      );
    }
    if (typeof origin !== "string" || this.#origins.has("*") || this.#origins.has(origin))
      return undefined;
    if (hostAndPortOfOrigin(origin) === host) return undefined;
    return new TidemarkError(
      "FORBIDDEN_ORIGIN",
      `Pages from ${origin} may not connect. Allow them with allowedOrigins (--allow-origin ${origin}).`,
    );
  }

  /** The CORS answer for an allowed cross-origin page, or undefined. */
  corsOrigin(origin: string | undefined): string | undefined {
    if (origin === undefined) return undefined;
    return this.#origins.has("*") || this.#origins.has(origin) ? origin : undefined;
  }

  /**
   * @throws TidemarkError `UNAUTHENTICATED`; `BAD_IDENTITY` for an identity that can't be compared
   * with others
   */
  async identify(request: ConnectionRequest, auth: unknown): Promise<Identity> {
    if (this.#authenticate === undefined) return undefined;
    let identity: Identity;
    try {
      identity = await this.#authenticate(request, auth);
    } catch (cause) {
      throw new TidemarkError("UNAUTHENTICATED", "The credentials were not accepted.", { cause });
    }
    if (identity === null || identity === undefined || identity === false) {
      throw new TidemarkError("UNAUTHENTICATED", "The server wants credentials that it accepts.");
    }
    // Sessions, writes and revocations are bound to the identity, so it must differ from all
    // others.
    identityText(identity);
    return identity;
  }

  #isKnownHost(host: string): boolean {
    if (this.#origins.has("*")) return true;
    const [, v6, plain] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host) ?? [];
    if (v6 !== undefined) return isIP(v6) === 6;
    const name = plain ?? "";
    return isIP(name) !== 0 || name.endsWith(".localhost") || this.#hosts.has(name);
  }
}

function hostOfOrigin(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).hostname : undefined;
}

function hostAndPortOfOrigin(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
