/**
 * Limits and periods of the server, with unit, default and what happens when one is full. Each can
 * be set with `createTidemark({ limits: { server } })`; those in `FIXED_LIMITS` can't, since
 * clients or existing dashboards depend on them.
 */
import { atLeast, limitsOf, type LimitRelation } from "../std/limits.ts";

export interface ServerLimits {
  /** Minimum of milliseconds between two flushes. Default 2. */
  readonly flushIntervalMs: number;
  /**
   * While serving takes less than this share of the time, a commit is sent at once. Default 1/5.
   */
  readonly flushShareCheap: number;
  /** Over that share, flushes wait up to this many milliseconds for each other. Default 8. */
  readonly flushIntervalLoadedMs: number;
  /**
   * Where that is not enough, serving pauses until it takes no more than this share of the time…
   * Default 0.48.
   */
  readonly flushShareMax: number;
  /**
   * …for at most this many milliseconds before each session has been served once. The pauses are
   * for new clients and for all other work. Default 25.
   */
  readonly flushRestMsMax: number;
  /**
   * Milliseconds that serving may take in excess of its share before it pauses, so that one long
   * flush delays nothing. Default 25.
   */
  readonly flushBurstMs: number;
  /**
   * Milliseconds that a session may wait to be served. More is counted as an overrun; nothing is
   * dropped. Default 2,000.
   */
  readonly flushIntervalMaxMs: number;
  /** Milliseconds of work between two turns of the event loop. Default 4. */
  readonly sliceMs: number;
  /** Commits that a flush takes from the log at a time. Default 256. */
  readonly commitsPerReadMax: number;
  /** Maximum of milliseconds between two WATERMARKs to a session. Default 1,000. */
  readonly watermarkIntervalMs: number;
  /**
   * Milliseconds between two rounds of the server's periodic work: timeouts, watermarks, expiry.
   * Default 250.
   */
  readonly tickMs: number;

  /** Bytes of one frame, as a target: a larger row has a frame of its own. Default 64 KiB. */
  readonly frameBytesMax: number;
  /** Rows and removed keys of one frame. Full: several frames. Default 5,000. */
  readonly frameRowsMax: number;
  /**
   * Bytes of one delta. Full: the client gets a snapshot, which is shared and sent part by part.
   * Default 4 MiB.
   */
  readonly deltaBytesMax: number;
  /**
   * Bytes by which a delta may exceed the view's snapshot before the snapshot is sent instead.
   * Default 16 KiB.
   */
  readonly deltaSlackBytes: number;
  /**
   * Deltas of one view that are kept encoded. Full: the oldest is dropped, and encoded again when
   * a session needs it. Default 16.
   */
  readonly deltasKeptMax: number;
  /**
   * Unsent bytes of one socket. Full: the session gets nothing until the socket drains. Default 128
   * KiB.
   */
  readonly socketBufferBytesMax: number;
  /**
   * The frames of a turn up to this many bytes together are copied into one buffer, once for all
   * clients with the same turn; frames of a larger turn are written side by side. Default 64 KiB.
   */
  readonly joinBytesMax: number;
  /**
   * Snapshots of one view that may be under way. Full: the oldest is abandoned, and its readers
   * start again with the newest. Default 2.
   */
  readonly snapshotsPinnedMax: number;
  /**
   * Milliseconds for which an encoded snapshot answers further requests; the cursor brings later
   * changes. Default 250.
   */
  readonly snapshotReuseMs: number;
  /** Milliseconds between two digests of a view to a subscription. Default 10,000. */
  readonly digestIntervalMs: number;
  /**
   * Changed rows of a view that are hashed per turn. Full: the digest waits for the next turn.
   * Default 10,000.
   */
  readonly digestRowsMax: number;
  /**
   * Milliseconds after which a subscription that could not be served is a slow consumer and gets
   * SLOW_CONSUMER. Default 1,000.
   */
  readonly slowConsumerMs: number;
  /**
   * Milliseconds for which a subscription waits while its cursor is ahead of this node. Full: it
   * gets a snapshot. Default 5,000.
   */
  readonly aheadMsMax: number;

  /** Open connections. Full: new ones are answered 503. Default 50,000. */
  readonly connectionsMax: number;
  /** Milliseconds between two HEARTBEATs of a client. Default 15,000. */
  readonly heartbeatIntervalMs: number;
  /** Milliseconds of silence after which a connection is closed. Default 40,000. */
  readonly silenceMsMax: number;
  /** Milliseconds from connecting to IDENTIFY. Full: the connection is closed. Default 10,000. */
  readonly identifyTimeoutMs: number;
  /**
   * Milliseconds that a client has to answer a close, or to read the end of an answer. Full: its
   * socket is destroyed. Default 2,000.
   */
  readonly closeGraceMs: number;
  /**
   * Frames that may wait while a session is being authenticated. Full: the connection is closed.
   * Default 16.
   */
  readonly earlyFramesMax: number;
  /** Characters of these frames together. Full: the connection is closed. Default 64 Ki. */
  readonly earlyCharsMax: number;
  /**
   * Frames per second that one connection may send; a subscription counts as one, a RESYNC as
   * eight. Over it the server does not read the socket for a while… Default 100.
   */
  readonly framesPerSecondMax: number;
  /**
   * …once the client has sent this many at once. Twice as many: the connection is closed. Default
   * 400.
   */
  readonly framesBurstMax: number;
  /**
   * Milliseconds for which a session id is good for RESUME. Each HEARTBEAT_ACK brings a fresh one.
   * Default 60,000.
   */
  readonly resumeTokenTtlMs: number;
  /**
   * Revoked identities remembered, each for `resumeTokenTtlMs`. Full: all session ids issued
   * before are refused. Default 10,000.
   */
  readonly revocationsMax: number;
  /**
   * A stopping server sends its clients away in batches spread over at most this time… Default
   * 5,000.
   */
  readonly drainMsMax: number;
  /** …of at least this many clients… Default 100. */
  readonly drainBatch: number;
  /** …one batch every so many milliseconds. Default 50. */
  readonly drainStepMs: number;

  /**
   * Subscriptions of one session. Full: further ones are refused with `TOO_MANY_SUBSCRIPTIONS`.
   * Default 200.
   */
  readonly subscriptionsPerSessionMax: number;
  /**
   * Requests of a session for one view that wait for the turn that answers them together. Full:
   * further ones are refused. Default 256.
   */
  readonly requestsPerViewMax: number;
  /**
   * Subscription requests of all sessions that wait to be opened. Full: further ones are refused
   * with `NOT_READY`. Default 100,000.
   */
  readonly requestsQueuedMax: number;
  /** Subscription requests of one session that wait to be opened. Full: as above. Default 512. */
  readonly requestsQueuedPerSessionMax: number;
  /**
   * Names of channel credit kept for later subscriptions. Full: the oldest is forgotten. Default
   * 200.
   */
  readonly channelCreditNamesMax: number;
  /**
   * Commands that a dialect may make of one text. Full: the connection is closed. Default
   * 256.
   */
  readonly dialectCommandsMax: number;

  /**
   * Bytes of the JSON of one row that the program writes. A larger one is refused with `BAD_ROW`.
   * Default 4 MiB.
   */
  readonly rowBytesMax: number;
  /** Levels of nesting in such a row. A deeper one is refused with `BAD_ROW`. Default 200. */
  readonly rowDepthMax: number;

  /**
   * Mutations of one connection that have not been answered. Full: further ones are refused with
   * `TOO_MANY_MUTATIONS`. Default 64.
   */
  readonly mutationsPerSessionMax: number;
  /**
   * Mutations of the program's own channels whose outcomes are remembered. Full: the oldest is
   * forgotten, and runs again if it is sent again. Default 100,000.
   */
  readonly mutationsRememberedMax: number;
  /**
   * The same for one identity. Full: its own oldest outcome is forgotten, never another's. Default
   * 1,000.
   */
  readonly mutationsRememberedPerIdentityMax: number;
  /**
   * Bytes of the values of one identity's remembered mutations. Full: its oldest outcome is
   * forgotten. Default 4 MiB.
   */
  readonly mutationsRememberedBytesMax: number;
  /**
   * Mutations under way of all sessions. Full: mutations of a session that ends are dropped; a
   * client that reconnects sends them again. Default 1,000.
   */
  readonly mutationsOrphanedMax: number;
  /**
   * Bytes of the JSON that a mutation returns. A larger value fails the mutation, and nothing is
   * written. Default 64 KiB.
   */
  readonly mutationResultBytesMax: number;
  /**
   * Milliseconds before a mutation is tried again whose source could not be reached; doubled each
   * time… Default 100.
   */
  readonly mutationRetryMs: number;
  /** …up to this. Default 5,000. */
  readonly mutationRetryMsMax: number;
  /**
   * Tries of a mutation that came over HTTP. Full: the answer is 503, and the caller sends it
   * again. Default 4.
   */
  readonly httpMutationTriesMax: number;
  /**
   * Rows of one session's own writes that `expected_seq` does not count as conflicts. Full: the
   * oldest is forgotten. Default 100.
   */
  readonly ownWritesMax: number;
  /**
   * Milliseconds that a request over HTTP waits for its write to be visible. Full: 503; the caller
   * may ask again and continue to wait. Default 15,000.
   */
  readonly visibleWaitMsMax: number;
  /** Such requests at a time. Full: 503. Default 10,000. */
  readonly visibleWaitsMax: number;

  /**
   * Different bodies of HTTP snapshots that are kept for reuse. Full: the oldest is dropped.
   * Default 64.
   */
  readonly snapshotBodiesMax: number;
  /**
   * Bytes of these bodies together, and of the encoded rows that are kept for the next ones. Full:
   * the oldest is dropped. Default 64 MiB each.
   */
  readonly snapshotBodyBytesMax: number;
  /** Channels that one HTTP snapshot may name. Full: `BAD_MESSAGE`. Default 100. */
  readonly snapshotChannelsMax: number;
  /**
   * Maximum of `wait_ms`, the milliseconds that a poll may wait for news; a larger value counts as
   * this. Default 60,000.
   */
  readonly pollWaitMsMax: number;
  /**
   * Bytes of all tables and views together: encoded rows, of which `limits.views.bytesMax` are for
   * views. Full: rows of channels with `bounds: { critical: false }` are evicted, then rows that
   * the history store holds, then others, but for the newest `rowsMin` of critical channels.
   * Default Infinity.
   */
  readonly readModelBytesMax: number;
}

export const SERVER_LIMITS: ServerLimits = {
  flushIntervalMs: 2,
  flushShareCheap: 1 / 5,
  flushIntervalLoadedMs: 8,
  flushShareMax: 0.48,
  flushRestMsMax: 25,
  flushBurstMs: 25,
  flushIntervalMaxMs: 2_000,
  sliceMs: 4,
  commitsPerReadMax: 256,
  watermarkIntervalMs: 1_000,
  tickMs: 250,
  frameBytesMax: 64 * 1024,
  frameRowsMax: 5_000,
  deltaBytesMax: 4 * 1024 * 1024,
  deltaSlackBytes: 16 * 1024,
  deltasKeptMax: 16,
  socketBufferBytesMax: 128 * 1024,
  joinBytesMax: 64 * 1024,
  snapshotsPinnedMax: 2,
  snapshotReuseMs: 250,
  digestIntervalMs: 10_000,
  digestRowsMax: 10_000,
  slowConsumerMs: 1_000,
  aheadMsMax: 5_000,
  connectionsMax: 50_000,
  heartbeatIntervalMs: 15_000,
  silenceMsMax: 40_000,
  identifyTimeoutMs: 10_000,
  closeGraceMs: 2_000,
  earlyFramesMax: 16,
  earlyCharsMax: 64 * 1024,
  framesPerSecondMax: 100,
  framesBurstMax: 400,
  resumeTokenTtlMs: 60_000,
  revocationsMax: 10_000,
  drainMsMax: 5_000,
  drainBatch: 100,
  drainStepMs: 50,
  subscriptionsPerSessionMax: 200,
  requestsPerViewMax: 256,
  requestsQueuedMax: 100_000,
  requestsQueuedPerSessionMax: 512,
  channelCreditNamesMax: 200,
  dialectCommandsMax: 256,
  rowBytesMax: 4 * 1024 * 1024,
  rowDepthMax: 200,
  mutationsPerSessionMax: 64,
  mutationsRememberedMax: 100_000,
  mutationsRememberedPerIdentityMax: 1_000,
  mutationsRememberedBytesMax: 4 * 1024 * 1024,
  mutationsOrphanedMax: 1_000,
  mutationResultBytesMax: 64 * 1024,
  mutationRetryMs: 100,
  mutationRetryMsMax: 5_000,
  httpMutationTriesMax: 4,
  ownWritesMax: 100,
  visibleWaitMsMax: 15_000,
  visibleWaitsMax: 10_000,
  snapshotBodiesMax: 64,
  snapshotBodyBytesMax: 64 * 1024 * 1024,
  snapshotChannelsMax: 100,
  pollWaitMsMax: 60_000,
  readModelBytesMax: Number.POSITIVE_INFINITY,
};

/** Limits that can't be set. */
export const FIXED_LIMITS = {
  /**
   * The share of the waiting sessions that a flush serves before the next flush begins: each flush
   * finds the changed sessions and encodes their frames anew.
   */
  flushServedShareMin: 0.1,
  /** Levels of nesting in an identity. Full: `BAD_IDENTITY`. */
  identityDepthMax: 32,
  /** Characters of a `txid` that a client sends. A longer one is unknown. */
  txidLengthMax: 512,
  /** Frames that a RESYNC counts as, since it may need a whole snapshot. */
  resyncFrames: 8,
  /** Snapshot build times kept for the gauges of older dashboards. Full: the oldest are dropped. */
  recentBuildsMax: 1_000,
  /** Refused origins and hosts that are logged, each once. Full: further ones are not logged. */
  refusalsLoggedMax: 100,
} as const;

const RELATIONS: readonly LimitRelation<ServerLimits>[] = [
  ["flushIntervalMs", "flushIntervalMaxMs"],
  ["heartbeatIntervalMs", "silenceMsMax"],
  ["frameBytesMax", "deltaBytesMax"],
  ["framesPerSecondMax", "framesBurstMax"],
  ["flushShareMax", 1],
  ["mutationResultBytesMax", "mutationsRememberedBytesMax"],
  ["mutationRetryMs", "mutationRetryMsMax"],
  ["drainStepMs", "drainMsMax"],
  [0.01, "flushShareCheap"],
  [0.01, "flushShareMax"],
  ...atLeast<ServerLimits>(
    1,
    "commitsPerReadMax",
    "tickMs",
    "frameBytesMax",
    "frameRowsMax",
    "socketBufferBytesMax",
    "snapshotsPinnedMax",
    "digestRowsMax",
    "heartbeatIntervalMs",
    "framesPerSecondMax",
    "drainBatch",
  ),
];

/** @throws TidemarkError `BAD_OPTION` for an unknown or invalid limit */
export function serverLimits(given?: Partial<ServerLimits>): ServerLimits {
  return limitsOf("limits.server", SERVER_LIMITS, given, RELATIONS);
}
