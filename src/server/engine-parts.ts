/**
 * Makes the parts of an engine, in the order of their dependencies. The parts have the rules; the
 * engine starts and stops them.
 */
import type { Random } from "../std/random.ts";
import { CLOSE } from "../protocol/close-codes.ts";
import type { Writer } from "../sources/writer.ts";
import { Replica } from "../table/replica.ts";
import type { EngineOptions } from "./engine-options.ts";
import { InterestTracker } from "./interest-tracker.ts";
import type { ServerLimits } from "./limits.ts";
import { LogFollower } from "./log-follower.ts";
import { MEMORY, MemoryWriter } from "./mutations/memory-writer.ts";
import type { MutationDefinition } from "./mutations/mutation.ts";
import { MutationExecutor } from "./mutations/mutation-executor.ts";
import { MutationQueue } from "./mutations/mutation-queue.ts";
import { WriteVisibility } from "./mutations/write-visibility.ts";
import { Policies } from "./policies.ts";
import { Gateway } from "./session/gateway.ts";
import { HttpSnapshots } from "./session/http-snapshots.ts";
import { SessionTokens } from "./session/session-tokens.ts";
import { SubscriptionOpener } from "./session/subscription-opener.ts";
import { ChannelStates } from "./turn/channel-states.ts";
import { Sender } from "./turn/sender.ts";
import { Session } from "./turn/session.ts";
import { Subscribers } from "./turn/subscribers.ts";
import { Turns } from "./turn/turns.ts";
import { TurnWriter } from "./turn/turn-writer.ts";
import { ViewUpdateCache } from "./turn/view-update-cache.ts";
import { WorkQueue } from "./work-queue.ts";

/** The tables with the log's follower, policies and interest. */
export function createTables(options: EngineOptions, secret: string) {
  const { clock, log, logger, random } = options;
  const node = random.id(8);
  const replica = new Replica(options.limits?.views, { ...options, node, secret });
  const policies = new Policies({
    replica,
    isOperator: options.isOperator ?? (() => true),
    onFailed: (channel, err) => logger.error({ err, channel }, "a policy failed; it shows nothing"),
  });
  const { findCheckpoint, declares } = options;
  const follower = new LogFollower({ log, replica, findCheckpoint, declares });
  const interest = new InterestTracker(clock);
  const subscribers = new Subscribers(interest);
  return { replica, policies, states: new ChannelStates(replica), follower, interest, subscribers };
}

type Tables = ReturnType<typeof createTables>;

/** The turns of sessions, and the queue of work between turns. */
export function createTurns(options: EngineOptions, limits: ServerLimits, tables: Tables) {
  const { clock, logger, observer } = options;
  const { replica, states, follower, subscribers } = tables;
  const monotonic = (): number => clock.monotonic();
  const onFailure = (session: Session, failure: unknown): void => {
    const { id, dialect, transport } = session;
    logger.error({ err: failure, session: id, dialect: dialect.name }, "a dialect failed");
    transport.close(CLOSE.badMessage, "INTERNAL");
  };
  const onFailed = (owner: object, failure: unknown): void => {
    logger.error({ err: failure }, "subscription failed");
    if (owner instanceof Session) owner.transport.close(CLOSE.badMessage, "INTERNAL");
  };
  const updates = new ViewUpdateCache({
    limits,
    dialects: 1 + (options.dialects?.length ?? 0),
    monotonic,
    onSnapshot: (buildMs) => observer.onSnapshot(buildMs),
  });
  const writer = new TurnWriter({
    replica,
    updates,
    states,
    limits,
    now: () => clock.now(),
    monotonic,
    onReset: (session, view, reason) => {
      observer.onReset(reason);
      logger.info({ session: session.id, view, reason }, "view reset");
    },
    onFailure,
  });
  const turns = new Turns({
    clock,
    follower,
    replica,
    writer,
    limits,
    subscribers,
    onFlush: (report) => observer.onFlush(report),
  });
  const sender = new Sender(limits.socketBufferBytesMax, onFailure);
  const queue = new WorkQueue({ clock, sliceMs: limits.sliceMs, onFailed });
  turns.onApplied(refillWindows(replica, queue));
  return { updates, writer, turns, sender, queue };
}

/** After a flush, windows fill their reserves in slices, so that the next flush need not. */
function refillWindows(replica: Replica, queue: WorkQueue): () => void {
  const owner = {};
  let isQueued = false;
  const run = (isOver: () => boolean): boolean => {
    replica.refill(isOver);
    isQueued = replica.hasShortWindows;
    return !isQueued;
  };
  return () => {
    if (isQueued || !replica.hasShortWindows) return;
    isQueued = true;
    queue.add(owner, { run });
  };
}

type TurnParts = ReturnType<typeof createTurns>;

/** The mutations of clients. */
export function createMutations(
  options: EngineOptions,
  limits: ServerLimits,
  { replica, policies, follower }: Tables,
  { turns, sender }: TurnParts,
) {
  const { clock, logger, observer } = options;
  const random: Random = options.random;
  const writers = writersOf(options, limits, replica, follower);
  const visibility = new WriteVisibility(replica, writers);
  const executor = new MutationExecutor({
    definitions: options.mutations?.definitions ?? new Map<string, MutationDefinition>(),
    writers,
    replica,
    policies,
    logger,
    limits,
    identityKey: options.identityKey ?? ((identity) => identity),
    isReadOnly: options.isReadOnly === true,
  });
  const mutationQueue = new MutationQueue({
    clock,
    random,
    replica,
    visibility,
    writers,
    turns,
    limits,
    logger,
    executor,
    sender,
    onMutation: (outcome, ms) => observer.onMutation(outcome, ms),
  });
  return { visibility, mutationQueue };
}

/** The sessions, and snapshots over HTTP. */
export function createSessions(
  options: EngineOptions & { readonly secret: string },
  limits: ServerLimits,
  tables: Tables,
  { turns, sender, queue }: TurnParts,
  mutationQueue: MutationQueue,
) {
  const { access, clock, logger, observer, random, secret } = options;
  const { replica, states, policies, follower, subscribers } = tables;
  const opener = new SubscriptionOpener({
    clock,
    replica,
    turns,
    subscribers,
    policies,
    limits,
    logger,
    sender,
    queue,
  });
  const tokens = new SessionTokens({
    secret,
    epoch: () => replica.epoch,
    ttlMs: limits.resumeTokenTtlMs,
    revocationsMax: limits.revocationsMax,
    now: () => clock.now(),
  });
  const gateway = new Gateway({
    clock,
    random,
    follower,
    replica,
    turns,
    opener,
    mutationQueue,
    tokens,
    access,
    limits,
    logger,
    sender,
    events: observer,
  });
  const httpSnapshots = new HttpSnapshots({
    replica,
    states,
    policies,
    limits,
    queue,
    monotonic: () => clock.monotonic(),
    onBuild: (buildMs) => observer.onSnapshot(buildMs),
  });
  return { opener, gateway, httpSnapshots, tokens };
}

/**
 * The writers that run mutations, by source: those of the sources, and one for the program's own
 * channels.
 */
function writersOf(
  { mutations, logger }: EngineOptions,
  limits: ServerLimits,
  replica: Replica,
  follower: LogFollower,
): ReadonlyMap<string, Writer> {
  const writers = new Map(mutations?.writers);
  const writeChannels = mutations?.writeChannels;
  if (writeChannels === undefined) return writers;
  const caughtUp = (): Promise<void> => follower.reached(follower.head);
  const onFailed = (id: string, error: unknown): void =>
    logger.error({ mutation: id, err: error }, "mutation failed");
  return writers.set(
    MEMORY,
    new MemoryWriter({
      replica,
      writeChannels,
      head: () => follower.head,
      caughtUp,
      limits,
      onFailed,
    }),
  );
}
