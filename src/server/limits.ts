/** Bounds and periods of the gateway. Each can be set by option. */
export interface ServerLimits {
  /** Least time between two flushes. A commit that follows a longer quiet is sent at once. */
  readonly flushIntervalMs: number;
  /** When commits arrive while a flush is served, the interval grows until serving takes no more than this share of it… */
  readonly flushShareMax: number;
  /** …and by no more than this. The time between two flushes is for new clients and for all other work. */
  readonly flushRestMsMax: number;
  /** A flush that takes longer to serve is an overrun: the next flush begins, and the sessions that waited longest are served first. */
  readonly flushIntervalMaxMs: number;
  /** Work between two turns of the event loop. */
  readonly sliceMs: number;
  /** A session hears a WATERMARK at least this often. */
  readonly watermarkIntervalMs: number;
  /** Bytes of one frame, as a target: one row larger than it goes alone. */
  readonly frameBytesMax: number;
  /** Encoded size of one delta. A larger one is a snapshot, which is shared and sent part by part. */
  readonly deltaBytesMax: number;
  /** Unsent bytes of one socket. Above it a session gets nothing until it drains. */
  readonly socketBufferBytesMax: number;
  /** Snapshots of one view that may be under way at once; a further client shares the newest. */
  readonly snapshotsPinnedMax: number;
  /** How long an encoded snapshot may answer further requests; the cursor brings what came since. */
  readonly snapshotReuseMs: number;
  readonly heartbeatIntervalMs: number;
  /** Silence after which a connection is closed. */
  readonly silenceMsMax: number;
  /** From connecting to IDENTIFY. */
  readonly identifyTimeoutMs: number;
  /** Characters of the JSON of one row that the program writes. A larger one is refused with `BAD_ROW`. */
  readonly rowLengthMax: number;
  /** Levels of nesting in it. */
  readonly rowDepthMax: number;
  /** Open connections. Full: new ones are answered 503. */
  readonly connectionsMax: number;
  readonly subscriptionsPerSessionMax: number;
  /** Requests for one view of a session that wait for the turn that answers them together. Full: further ones are refused. */
  readonly requestsPerViewMax: number;
  /** Subscription requests of all sessions that wait to be opened. Full: further ones are refused. */
  readonly requestsQueuedMax: number;
  /** Of one session. Full: further ones are refused. */
  readonly requestsQueuedPerSessionMax: number;
  /** Frames that may wait while a session is being authenticated. Full: the connection is closed. */
  readonly earlyFramesMax: number;
  /** Their characters together. */
  readonly earlyLengthMax: number;
  /** Frames per second that one connection may say; a subscription counts as one as well, a RESYNC as eight. Over it its socket is not read for a while… */
  readonly framesPerSecondMax: number;
  /** …once it has said as many as this at once; as many again, and it is closed. */
  readonly framesBurstMax: number;
  /** How long after it was issued a session id is good for RESUME. Each HEARTBEAT_ACK brings a fresh one. */
  readonly resumeTokenTtlMs: number;
  /** How long a subscription waits whose cursor is ahead of this node, before it gets a snapshot. */
  readonly aheadMsMax: number;
  /** A subscription that could not be served for this long is a slow consumer, and is told so. */
  readonly slowConsumerMs: number;
  /** How often each subscription is sent its view's digest. */
  readonly digestIntervalMs: number;
  /** A stopping server sends its clients away in batches spread over at most this time… */
  readonly drainMsMax: number;
  /** …of at least this many clients every 50 ms. */
  readonly drainBatch: number;
  /** Mutations of one connection that have not been answered. Full: further ones are refused. */
  readonly mutationsPerSessionMax: number;
  /** Mutations of the program's own channels whose outcomes are remembered. Full: the oldest is forgotten, and would run again. */
  readonly mutationsRememberedMax: number;
  /** Of one identity: its own oldest goes, never another's. */
  readonly mutationsRememberedPerIdentityMax: number;
  /** Characters of what they returned, of one identity. */
  readonly mutationsRememberedLengthMax: number;
  /** Mutations under way of all sessions up to which those of one that has ended are still done. */
  readonly mutationsOrphanedMax: number;
  /** Revoked identities remembered, each for `resumeTokenTtlMs`. Full: all session ids issued before now are refused. */
  readonly revocationsMax: number;
}

export const SERVER_LIMITS: ServerLimits = {
  flushIntervalMs: 16,
  flushShareMax: 1 / 3,
  flushRestMsMax: 25,
  flushIntervalMaxMs: 2_000,
  sliceMs: 4,
  watermarkIntervalMs: 1_000,
  frameBytesMax: 64 * 1024,
  deltaBytesMax: 4 * 1024 * 1024,
  socketBufferBytesMax: 128 * 1024,
  snapshotsPinnedMax: 2,
  snapshotReuseMs: 250,
  heartbeatIntervalMs: 15_000,
  silenceMsMax: 40_000,
  identifyTimeoutMs: 10_000,
  rowLengthMax: 4 * 1024 * 1024,
  rowDepthMax: 200,
  connectionsMax: 50_000,
  subscriptionsPerSessionMax: 200,
  requestsPerViewMax: 256,
  requestsQueuedMax: 100_000,
  requestsQueuedPerSessionMax: 512,
  earlyFramesMax: 16,
  earlyLengthMax: 64 * 1024,
  framesPerSecondMax: 100,
  framesBurstMax: 400,
  resumeTokenTtlMs: 60_000,
  aheadMsMax: 5_000,
  slowConsumerMs: 1_000,
  digestIntervalMs: 10_000,
  drainMsMax: 5_000,
  drainBatch: 100,
  mutationsPerSessionMax: 64,
  mutationsRememberedMax: 100_000,
  mutationsRememberedPerIdentityMax: 1_000,
  mutationsRememberedLengthMax: 4 * 1024 * 1024,
  mutationsOrphanedMax: 1_000,
  revocationsMax: 10_000,
};
