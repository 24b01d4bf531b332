/**
 * The versions of the protocol that this code speaks, as a server and as a client. A test holds a
 * hash of the wire against the version. PROTOCOL.md has the history, and the rule for rolling
 * upgrades.
 */
export const PROTOCOL_VERSION = 8;

/** The oldest. */
export const PROTOCOL_MIN = 5;

/**
 * The version in which digests became messages of their own. A peer that states no version is
 * older.
 */
export const DIGEST_VERSION = 7;

interface StatedVersions {
  readonly protocol?: number;
  readonly protocol_min?: number;
}

/** The versions that each side states: a server in HELLO, a client in IDENTIFY and RESUME. */
export const VERSIONS = { protocol: PROTOCOL_VERSION, protocol_min: PROTOCOL_MIN } as const;

/**
 * Why the two sides have no version in common; undefined where they have one, or the peer states
 * none.
 */
export function versionFault(
  peer: "client" | "server",
  { protocol = PROTOCOL_MIN, protocol_min = 0 }: StatedVersions,
): string | undefined {
  const isOld = protocol < PROTOCOL_MIN;
  if (!isOld && protocol_min <= PROTOCOL_VERSION) return undefined;
  return `The ${peer} is too ${isOld ? "old" : "new"}: it speaks protocol ${isOld ? protocol : protocol_min}, this side ${PROTOCOL_MIN} to ${PROTOCOL_VERSION}.`;
}
