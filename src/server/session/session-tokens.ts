/**
 * Session ids. They are signed, so that any node with the same secret can read the session's
 * identity, epoch and time from the id. They are no credentials: RESUME authenticates like
 * IDENTIFY, and the id only decides whether the session may continue.
 *
 * `sess_<random>.<epoch>.<issued>.<identity hash>.<signature>`
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { InvalidSessionReason } from "../../protocol/messages/invalid-session.ts";
import type { Identity } from "../policies.ts";
import { identityText } from "../identity.ts";

export interface SessionTokensOptions {
  /** The secret that all nodes of a deployment share. */
  readonly secret: string;
  readonly epoch: () => string;
  readonly ttlMs: number;
  readonly revocationsMax: number;
  /** Unix milliseconds. */
  readonly now: () => number;
}

interface Revocation {
  readonly atMs: number;
  /** The count of revocations up to this one. */
  readonly count: number;
}

/** The identity hash of a session that has not been identified yet. */
const UNBOUND = "-";

export class SessionTokens {
  readonly #options: SessionTokensOptions;
  /** When each identity was revoked, oldest first. */
  readonly #revoked = new Map<string, Revocation>();
  #revocationCount = 0;
  #allRevoked: Revocation = { atMs: Number.NEGATIVE_INFINITY, count: 0 };

  constructor(options: SessionTokensOptions) {
    this.#options = options;
  }

  /**
   * `identityHash` is a result of `identityHashOf`; without it the id is valid for any identity.
   */
  issue(sessionId: string, identityHash: string = UNBOUND): string {
    const { epoch, now } = this.#options;
    const body = `${sessionId}.${epoch()}.${Math.floor(now()).toString(36)}.${identityHash}`;
    return `${body}.${this.#sign(body)}`;
  }

  /** Why a session can't continue for this identity, or undefined when it can. */
  refusal(token: string, identityHash: string): InvalidSessionReason | undefined {
    const { epoch, ttlMs, now } = this.#options;
    const parts = token.split(".");
    const [, tokenEpoch, issued = "", tokenIdentityHash = ""] = parts;
    if (parts.length !== 5) return "token";
    // An id of another epoch is refused as such, also when another secret signed it.
    if (tokenEpoch !== epoch()) return "epoch";
    if (!this.isSigned(token)) return "token";
    const issuedMs = Number.parseInt(issued, 36);
    if (now() - issuedMs >= ttlMs) return "expired";
    if (
      issuedMs <= this.#allRevoked.atMs ||
      issuedMs <= (this.#revoked.get(identityHash)?.atMs ?? Number.NEGATIVE_INFINITY)
    )
      return "revoked";
    return tokenIdentityHash === UNBOUND || tokenIdentityHash === identityHash
      ? undefined
      : "identity";
  }

  /** The session of an id that it got once it was identified, while it may continue. */
  identifiedSession(token: string): string | undefined {
    const [sessionId, , , identityHash = UNBOUND] = token.split(".");
    const isGood = identityHash !== UNBOUND && this.refusal(token, identityHash) === undefined;
    return isGood ? sessionId : undefined;
  }

  /** Whether the id was signed with this server's secret, for any identity at any time. */
  isSigned(token: string): boolean {
    const end = token.lastIndexOf(".");
    return end > 0 && isSame(token.slice(end + 1), this.#sign(token.slice(0, end)));
  }

  /** The count of revocations so far, to find later ones with it. */
  get revocationCount(): number {
    return this.#revocationCount;
  }

  isRevokedSince(identityHash: string, count: number): boolean {
    return this.#allRevoked.count > count || (this.#revoked.get(identityHash)?.count ?? 0) > count;
  }

  /** Refuses all ids of this identity that were issued until now. */
  revoke(identityHash: string): void {
    const { now, ttlMs, revocationsMax } = this.#options;
    const revocation = { atMs: now(), count: ++this.#revocationCount };
    for (const [old, { atMs }] of this.#revoked) {
      if (now() - atMs <= ttlMs) break;
      this.#revoked.delete(old);
    }
    if (this.#revoked.size >= revocationsMax) {
      this.#revoked.clear();
      this.#allRevoked = revocation;
    }
    this.#revoked.delete(identityHash);
    this.#revoked.set(identityHash, revocation);
  }

  /**
   * A short text that is equal for equal identities and reveals nothing of them. @throws
   * TidemarkError `BAD_IDENTITY`
   */
  identityHashOf(identity: Identity): string {
    return this.#sign(`identity ${identityText(identity)}`).slice(0, 22);
  }

  #sign(text: string): string {
    return createHmac("sha256", this.#options.secret).update(text).digest("base64url").slice(0, 27);
  }
}

function isSame(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
