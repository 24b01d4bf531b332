/**
 * Handles what clients send: IDENTIFY and RESUME, heartbeats, subscriptions, credit, mutations;
 * greets them, and sends them away. The subscription opener decides whether a cursor is valid; the
 * turns move it. Callers pass the transports; the gateway opens no socket itself.
 */
import type { Logger } from "pino";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import type { Clock } from "../../std/clock.ts";
import type { Random } from "../../std/random.ts";
import { unreachable } from "../../std/assert.ts";
import { CLOSE, closeCodeOf } from "../../protocol/close-codes.ts";
import type { DownMessage } from "../../protocol/down.ts";
import type { Credit } from "../../protocol/messages/credit.ts";
import type { Identify } from "../../protocol/messages/identify.ts";
import type { InvalidSessionReason } from "../../protocol/messages/invalid-session.ts";
import type { ResyncReason } from "../../protocol/messages/resync.ts";
import type { Resume } from "../../protocol/messages/resume.ts";
import type { Replica } from "../../table/replica.ts";
import type { Access } from "./access.ts";
import { grantCredit } from "./credit-grant.ts";
import { drain } from "./drain.ts";
import { invalidSession } from "./invalid-session.ts";
import { commandsOf } from "./commands.ts";
import { addressedVersion, helloTo, versionRefusal } from "./client-version.ts";
import { costOf, FrameBudgets } from "./frame-budget.ts";
import type { ServerLimits } from "../limits.ts";
import type { LogFollower } from "../log-follower.ts";
import type { MutationQueue } from "../mutations/mutation-queue.ts";
import { sharedCursorIn, type SharedCursor } from "./shared-cursor.ts";
import type { SubscriptionOpener } from "./subscription-opener.ts";
import type { Sender } from "../turn/sender.ts";
import { SessionTimeouts } from "./session-timeouts.ts";
import type { SessionTokens } from "./session-tokens.ts";
import type { DialectCommand } from "../turn/dialect.ts";
import type { Identity } from "../policies.ts";
import { Session, type Peer, type Said, type Transport } from "../turn/session.ts";
import type { Turns } from "../turn/turns.ts";

/** The gateway's reports for metrics. */
interface GatewayEvents {
  readonly onResumed: (outcome: "success" | InvalidSessionReason) => void;
  readonly onResync: (reason: ResyncReason | undefined) => void;
}

export interface GatewayOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly follower: LogFollower;
  readonly replica: Replica;
  readonly turns: Turns;
  readonly sender: Sender;
  readonly opener: SubscriptionOpener;
  readonly mutationQueue: MutationQueue;
  readonly tokens: SessionTokens;
  readonly access: Pick<Access, "identify">;
  readonly limits: ServerLimits;
  readonly logger: Logger;
  readonly events: GatewayEvents;
}

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #budgets: FrameBudgets;
  readonly #timeouts: SessionTimeouts;
  #isDraining = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#budgets = new FrameBudgets(options.limits, options.clock);
    this.#timeouts = new SessionTimeouts(options);
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  get canConnect(): boolean {
    return !this.#isDraining && this.#sessions.size < this.#options.limits.connectionsMax;
  }

  /** The session of a one-way stream, by the id of its HELLO; its signature proves the owner. */
  oneWaySession(token: string): Session | undefined {
    if (!this.#options.tokens.isSigned(token)) return undefined;
    const session = this.#sessions.get(token.split(".", 1)[0] ?? "");
    return session?.transport.isOneWay === true ? session : undefined;
  }

  /** Greets a client. `begin` handles the commands that the connection's address stands for. */
  connect(transport: Transport, peer: Peer): Session {
    const { clock, random, limits, tokens } = this.#options;
    const session = new Session(`sess_${random.id(20)}`, transport, peer, clock.monotonic());
    session.protocol = addressedVersion(peer);
    this.#sessions.set(session.id, session);
    this.#send(session, helloTo(peer, tokens.issue(session.id), limits, clock.now()));
    return session;
  }

  begin(session: Session): void {
    const { begins } = session.peer.connection;
    if (begins !== undefined) this.#hear(session, begins);
  }

  receive(session: Session, text: string): void {
    this.isThere(session);
    if (session.state.kind !== "closed" && this.#maySay(session, 1)) this.#hear(session, text);
  }

  /** Pauses a session that sends too much, and closes one that continues. False if it is closed. */
  #maySay(session: Session, cost: number): boolean {
    const refusal = this.#budgets.spend(session, cost);
    if (refusal !== undefined) this.#reject(session, refusal, CLOSE.badMessage);
    return refusal === undefined;
  }

  /** Notes that the client is alive. */
  isThere(session: Session): void {
    session.lastHeardMs = this.#options.clock.monotonic();
  }

  /** Frames that arrive while the session is being authenticated wait until it is. */
  #hear(session: Session, said: Said): void {
    const before = session.state.kind;
    if (before === "closed") return;
    if (session.state.kind === "identifying") {
      const { earlyFramesMax, earlyCharsMax } = this.#options.limits;
      const { early } = session.state;
      const length = early.reduce((sum, { length: each }) => sum + each, said.length);
      if (early.length < earlyFramesMax && length <= earlyCharsMax)
        session.note({ kind: "spoke early", said });
      else
        this.#reject(
          session,
          new TidemarkError("BAD_MESSAGE", "Too many frames before READY."),
          CLOSE.badMessage,
        );
      return;
    }
    try {
      const commands = commandsOf(session.peer, said, this.#options.limits.dialectCommandsMax);
      for (const [index, command] of commands.entries()) {
        // An earlier command may have begun to identify the session, or closed it.
        if (index > 0 && session.state.kind !== before)
          return this.#hear(session, commands.slice(index));
        const cost = costOf(command);
        if (cost !== 0 && !this.#maySay(session, cost)) return;
        this.#handle(session, command);
      }
    } catch (error) {
      const known =
        error instanceof TidemarkError ? error : new TidemarkError("BAD_MESSAGE", messageOf(error));
      this.#reject(session, known, CLOSE.badMessage);
    }
  }

  /**
   * Begins a session. `at` is the common cursor of all its views, for carriers that keep only one.
   * @throws TidemarkError `BAD_MESSAGE` for a second one on a connection
   */
  identify(session: Session, message: Identify | Resume, at?: SharedCursor): void {
    if (session.state.kind !== "greeting")
      throw new TidemarkError("BAD_MESSAGE", "Send IDENTIFY or RESUME only once per connection.");
    const refusal = versionRefusal(message);
    if (refusal !== undefined) return this.#reject(session, refusal, CLOSE.protocolMismatch);
    session.protocol = message.protocol ?? session.protocol;
    this.#identify(session, message, at).catch((error: unknown) => {
      this.#options.logger.error({ err: error, session: session.id }, "identify failed");
      session.transport.close(CLOSE.badMessage, "INTERNAL");
    });
  }

  /** Ends the session after its transport has closed. */
  disconnected(session: Session, code: number): void {
    if (!this.#sessions.delete(session.id)) return;
    this.#options.logger.info(
      { session: session.id, code, subscriptions: session.subscriptions.size },
      "session closed",
    );
    this.#part(session);
  }

  /** Closes silent connections, pings quiet ones, and sends the watermarks that are due. */
  tick(): void {
    this.#timeouts.check(this.#sessions.values());
  }

  /**
   * Ends the sessions of an identity whose rights have changed: nothing more is sent to them, and
   * they identify anew. Returns how many ended. @throws TidemarkError `BAD_IDENTITY`
   */
  revoke(identity: Identity): number {
    const { tokens, mutationQueue } = this.#options;
    const identityHash = tokens.identityHashOf(identity);
    tokens.revoke(identityHash);
    mutationQueue.revoke(identityHash);
    let ended = 0;
    for (const session of this.#sessions.values()) {
      if (session.state.kind !== "open" || session.state.identityHash !== identityHash) continue;
      this.#end(session, "revoked");
      ended++;
    }
    return ended;
  }

  /**
   * Ends sessions whose cursors are no longer valid, since the epoch has ended or one of their
   * channels was declared anew. They identify anew, and their cursors are checked then.
   */
  restart(sessions: Iterable<Session>): void {
    for (const session of new Set(sessions)) {
      if (session.state.kind !== "open") continue;
      this.#options.events.onResumed("epoch");
      this.#end(session, "epoch");
    }
  }

  /** Ends all sessions with an error. */
  refuse(error: TidemarkError): void {
    for (const session of this.#sessions.values()) this.#reject(session, error, closeCodeOf(error));
  }

  #end(session: Session, reason: InvalidSessionReason): void {
    const { opener, mutationQueue, clock } = this.#options;
    opener.leave(session);
    mutationQueue.leave(session);
    session.note({ kind: "ended", nowMs: clock.monotonic() });
    this.#sayInvalid(session, reason);
  }

  /**
   * Sends all clients away in batches and accepts no new ones. Resolves when all have been sent
   * RECONNECT.
   */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await drain([...this.#sessions.values()], this.#options);
  }

  #send(session: Session, message: DownMessage): boolean {
    return this.#options.sender.send(session, message);
  }

  #handle(session: Session, message: DialectCommand): void {
    const { clock, opener, tokens, events, mutationQueue, sender } = this.#options;
    switch (message.op) {
      case "IDENTIFY":
      case "RESUME":
        return this.identify(session, message);
      case "ANSWER":
        return sender.answer(session, message.text);
      case "HEARTBEAT":
        this.#send(session, {
          op: "HEARTBEAT_ACK",
          server_time_unix_ms: clock.now(),
          ...(message.client_time_unix_ms !== undefined && {
            client_time_unix_ms: message.client_time_unix_ms,
          }),
          ...(session.state.kind === "open" && {
            session_id: tokens.issue(session.id, session.state.identityHash),
          }),
        });
        return;
      case "SUBSCRIBE":
        message.subscriptions.forEach((request, index) => {
          opener.subscribe({
            session,
            request,
            answerTo: { ...(message.id !== undefined && { id: message.id }), index },
            base: undefined,
          });
        });
        return;
      case "UNSUBSCRIBE":
        opener.unsubscribe(session, message);
        return;
      case "RESYNC":
        events.onResync(message.reason);
        opener.resync(session, message);
        return;
      case "CREDIT":
        return this.#credit(session, message);
      case "MUTATE":
        return mutationQueue.receive(session, message);
      default:
        unreachable(message);
    }
  }

  async #identify(
    session: Session,
    message: Identify | Resume,
    at: SharedCursor | undefined,
  ): Promise<void> {
    const { access, tokens, follower } = this.#options;
    session.note({ kind: "identify", nowMs: this.#options.clock.monotonic() });
    const { revocationCount } = tokens;
    let identity: Identity;
    try {
      identity = await access.identify(session.peer.request, message.auth);
      // The log has the declarations: the server knows the channels only after reading it.
      await follower.whenReady();
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      if (message.op === "RESUME") this.#invalid(session, "identity");
      else this.#reject(session, error, closeCodeOf(error));
      return;
    }
    // The client may have left meanwhile.
    if (session.state.kind !== "identifying") return;
    const { early } = session.state;
    const identityHash = tokens.identityHashOf(identity);
    // Rights that were revoked during `authenticate` are not granted.
    const isRevoked = tokens.isRevokedSince(identityHash, revocationCount);
    const refusal = isRevoked
      ? "revoked"
      : message.op === "RESUME"
        ? tokens.refusal(message.session_id, identityHash)
        : undefined;
    if (refusal !== undefined) this.#invalid(session, refusal);
    else this.#open(session, identity, identityHash, message, at);
    for (const said of early) this.#hear(session, said);
  }

  #open(
    session: Session,
    identity: Identity,
    identityHash: string,
    message: Identify | Resume,
    at: SharedCursor | undefined,
  ): void {
    const { replica, logger, opener, tokens, turns, events } = this.#options;
    session.note({ kind: "accepted", identity, identityHash });
    const subscriptions = message.subscriptions ?? [];
    if (!session.logged.has("opened"))
      logger.info(
        { session: session.id, op: message.op, subscriptions: subscriptions.length },
        "session opened",
      );
    session.logged.add("opened");
    this.#send(session, {
      op: "DISPATCH",
      type: message.op === "RESUME" ? "RESUMED" : "READY",
      session_id: tokens.issue(session.id, identityHash),
      epoch: replica.epoch,
      seq: replica.seq,
    });
    if (message.op === "RESUME") events.onResumed("success");
    const base = at ?? sharedCursorIn(message, replica.epoch);
    subscriptions.forEach((request, index) =>
      opener.subscribe({ session, request, answerTo: { index }, base }),
    );
    // A client that subscribes to nothing still gets a watermark.
    if (subscriptions.length === 0) turns.serveSoon(session);
  }

  /** Refuses the session: the client identifies anew on the same connection. */
  #invalid(session: Session, reason: InvalidSessionReason): void {
    if (session.state.kind === "closed") return;
    this.#options.events.onResumed(reason);
    session.note({ kind: "refused", nowMs: this.#options.clock.monotonic() });
    this.#sayInvalid(session, reason);
  }

  /** A client whose dialect has no INVALID_SESSION is disconnected, and connects again. */
  #sayInvalid(session: Session, reason: InvalidSessionReason): void {
    if (!this.#send(session, invalidSession(reason)))
      session.transport.close(CLOSE.goingAway, "connect again");
  }

  #credit(session: Session, message: Credit): void {
    // A session that has ended meanwhile, or never began, gets no credit.
    if (session.state.kind !== "open") return;
    grantCredit(session, message, this.#options.limits.channelCreditNamesMax);
    // Without frames to send, the credit is not spent on an empty turn.
    if (session.hasMore) this.#options.turns.serve(session);
  }

  #reject(session: Session, error: TidemarkError, closeCode: number): void {
    const { code, message, retryable } = error;
    if (!session.logged.has(code))
      this.#options.logger.warn({ session: session.id, code }, message);
    session.logged.add(code);
    this.#send(session, { op: "ERROR", code, message, retryable });
    session.transport.close(closeCode, code);
    this.#part(session);
  }

  /** Ignores further messages of the session, though its socket may take a while to close. */
  #part(session: Session): void {
    this.#options.opener.leave(session);
    this.#options.mutationQueue.leave(session);
    session.note({ kind: "left" });
  }
}
