/**
 * `WS /replay?from=…&to=…&speed=…&channels=…`: the past over the same protocol as the live stream.
 * Each connection is a replay with an engine of its own; their number is bounded.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import { JSON_DIALECT } from "../session/json-dialect.ts";
import { statusOf } from "../http/reply.ts";
import { connectionRequest, refuseUpgrade, WebSocketEndpoint } from "../http/websocket.ts";
import type { Identity } from "../policies.ts";
import { Replay, type LiveParts } from "./replay.ts";
import { parseReplay } from "./replay-request.ts";

export class Replays {
  readonly #parts: LiveParts;
  readonly #replays = new Set<Replay>();
  #opening = 0;
  #isStopped = false;

  constructor(parts: LiveParts) {
    this.#parts = parts;
  }

  /** Replays that run, or begin. */
  get size(): number {
    return this.#replays.size + this.#opening;
  }

  /** Takes an upgrade that the server allows. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const refused = (error: TidemarkError): void =>
      refuseUpgrade(socket, statusOf(error.code), error.message);
    const { replaysMax } = this.#parts.history.limits;
    if (this.#isStopped || this.size >= replaysMax)
      return refused(
        new TidemarkError("NOT_READY", `${this.size} replays run, and no more may (replaysMax).`),
      );
    this.#opening++;
    try {
      const replay = await Replay.open(this.#parts, parseReplay(connectionRequest(request)));
      if (this.#isStopped || socket.destroyed) {
        replay.stop();
        socket.destroy();
        return;
      }
      this.#connect(replay, request, socket, head);
    } catch (error) {
      if (error instanceof TidemarkError) return refused(error);
      this.#parts.logger.error({ err: error }, "a replay failed to begin");
      refused(new TidemarkError("INTERNAL", `The replay failed to begin: ${messageOf(error)}`));
    } finally {
      this.#opening--;
    }
  }

  /** Ends the sessions of an identity whose rights have changed. Returns how many ended. */
  revoke(identity: Identity): number {
    let ended = 0;
    for (const { engine } of this.#replays) ended += engine.gateway.revoke(identity);
    return ended;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const running = [...this.#replays];
    await Promise.all(running.map(({ engine }) => engine.gateway.drain()));
    for (const replay of running) replay.stop();
  }

  #connect(replay: Replay, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { engine } = replay;
    this.#replays.add(replay);
    socket.once("close", () => {
      this.#replays.delete(replay);
      replay.stop();
    });
    const connection = JSON_DIALECT.connect(connectionRequest(request));
    new WebSocketEndpoint(engine.gateway, this.#parts.clock, engine.limits).upgrade(
      request,
      socket,
      head,
      JSON_DIALECT,
      connection,
    );
  }
}
