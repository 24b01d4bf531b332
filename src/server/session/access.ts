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
  /** Pages of other ports of this machine may connect, if the Host is this machine as well. */
  readonly allowsLoopbackOrigins?: boolean | undefined;
}

type Headers = ConnectionRequest["headers"];

export class Access {
  readonly #authenticate: Authenticate | undefined;
  readonly #origins: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string>;
  readonly #allowsLoopbackOrigins: boolean;

  constructor({
    authenticate,
    allowedOrigins = [],
    host,
    allowsLoopbackOrigins = false,
  }: AccessOptions) {
    this.#authenticate = authenticate;
    this.#allowsLoopbackOrigins = allowsLoopbackOrigins;
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
  refusal(headers: Headers): TidemarkError | undefined {
    const host = hostOf(headers);
    const origin = originOf(headers);
    if (this.#authenticate === undefined && !this.#isKnownHost(host)) {
      return new TidemarkError(
        "FORBIDDEN_ORIGIN",
        `The Host "${shown(host)}" is not this server's. Allow it with allowedOrigins (--allow-origin http://${shown(host)}).`,
      );
    }
    if (origin === undefined || this.#isAllowedOrigin(origin, host)) return undefined;
    if (hostAndPortOfOrigin(origin) === host) return undefined;
    return new TidemarkError(
      "FORBIDDEN_ORIGIN",
      `Pages from ${shown(origin)} may not connect. Allow them with allowedOrigins (--allow-origin ${shown(origin)}).`,
    );
  }

  /** The CORS answer for an allowed cross-origin page, or undefined. */
  corsOrigin(headers: Headers): string | undefined {
    const origin = originOf(headers);
    return origin !== undefined && this.#isAllowedOrigin(origin, hostOf(headers))
      ? origin
      : undefined;
  }

  /**
   * The CORS answer with which a refused page may read why it was refused, or undefined. The
   * refusal says nothing but the page's own origin and that a server of this kind answers. Pages of
   * other machines don't learn what listens on the visitor's own machine.
   */
  corsOriginOfRefusal(headers: Headers): string | undefined {
    const origin = originOf(headers);
    if (origin === undefined) return undefined;
    return isLoopbackOrigin(origin) || !isLoopbackHost(hostOf(headers)) ? origin : undefined;
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

  #isAllowedOrigin(origin: string, host: string): boolean {
    if (this.#origins.has("*") || this.#origins.has(origin)) return true;
    return this.#allowsLoopbackOrigins && isLoopbackOrigin(origin) && isLoopbackHost(host);
  }

  #isKnownHost(host: string): boolean {
    if (this.#origins.has("*")) return true;
    const { v6, name } = namesIn(host);
    if (v6 !== undefined) return isIP(v6) === 6;
    return isIP(name) !== 0 || name.endsWith(".localhost") || this.#hosts.has(name);
  }
}

function hostOf(headers: Headers): string {
  return String(headers["host"] ?? "").toLowerCase();
}

function originOf({ origin }: Headers): string | undefined {
  return typeof origin === "string" ? origin : undefined;
}

/** A Host's IPv6 address, or its name or IPv4 address, without the port. */
function namesIn(host: string): { readonly v6: string | undefined; readonly name: string } {
  const [, v6, name = ""] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host) ?? [];
  return { v6, name };
}

/** Whether a Host is this machine itself, under a name that no other machine can take. */
function isLoopbackHost(host: string): boolean {
  const { v6, name } = namesIn(host);
  if (v6 !== undefined) return v6 === "::1";
  if (isIP(name) === 4) return name.startsWith("127.");
  return name === "localhost" || name.endsWith(".localhost");
}

function isLoopbackOrigin(origin: string): boolean {
  return isLoopbackHost(hostAndPortOfOrigin(origin) ?? "");
}

/** A header's text for a message, where it may be of any length. */
function shown(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function hostOfOrigin(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).hostname : undefined;
}

function hostAndPortOfOrigin(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
