/**
 * The versions of the protocol that this code speaks, as a server and as a client. A test holds a
 * hash of the wire against the version. PROTOCOL.md has the history, and the rule for rolling upgrades.
 */
export const PROTOCOL_VERSION = 7;

/** The oldest. */
export const PROTOCOL_MIN = 5;

/** The version in which digests became messages of their own. A peer that states no version is older. */
export const DIGEST_VERSION = 7;

/** What each side states: a server in HELLO, a client in IDENTIFY and RESUME. */
export const VERSIONS = { protocol: PROTOCOL_VERSION, protocol_min: PROTOCOL_MIN } as const;

/** Why the two sides have no version in common; undefined where they have one, or the peer states none. */
export function versionFault(
  peer: "client" | "server",
  { protocol, protocol_min }: { readonly protocol?: number; readonly protocol_min?: number },
): string | undefined {
  if (protocol !== undefined && protocol < PROTOCOL_MIN)
    return `The ${peer} is too old: it speaks protocol ${protocol}, and ${PROTOCOL_MIN} is needed.`;
  if (protocol_min !== undefined && protocol_min > PROTOCOL_VERSION)
    return `The ${peer} is too new: it needs protocol ${protocol_min}, and ${PROTOCOL_VERSION} is spoken here.`;
  return undefined;
}
