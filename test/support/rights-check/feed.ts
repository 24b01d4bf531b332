/** A caller's feed: what the server sends to it while rows change hands, and what it may be sent. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { WireQuery } from "../../../src/protocol/query.ts";
import type { Frame } from "../../../src/server/turn/frame.ts";
import type { Session, Transport } from "../../../src/server/turn/session.ts";
import type { Caller } from "./policies.ts";
import { BEAT, type Place, type World } from "./world.ts";

interface SentFrame {
  readonly op: string;
  readonly type?: string;
  readonly seq?: number;
  readonly channel?: string;
  readonly patch?: { readonly upsert: readonly unknown[]; readonly remove: readonly string[] };
}

export class Feed {
  readonly caller: Caller;
  readonly #world: World;
  readonly #place: Place;
  readonly #session: Session;
  #seq = 0;
  #rows = 0;
  #failure: Error | undefined;
  #isClosed = false;

  /** Undefined when the caller may see nothing of the channel, or the query is refused. */
  static async open(
    world: World,
    caller: Caller,
    place: Place,
    { limit: _limit, ...query }: WireQuery,
  ): Promise<Feed | undefined> {
    const { code, text } = await world.ask(caller, { query, feed: true });
    if (code !== undefined) return undefined;
    const {
      epoch,
      feed: view,
      complete_through: seq,
    } = JSON.parse(text) as {
      readonly epoch: string;
      readonly feed: string;
      readonly complete_through: number;
    };
    return new Feed(world, caller, place, {
      ...query,
      history: true,
      cursor: { epoch, view, seq },
    });
  }

  private constructor(world: World, caller: Caller, place: Place, subscription: object) {
    this.caller = caller;
    this.#world = world;
    this.#place = place;
    const transport: Transport = {
      bufferedBytes: 0,
      write: (frames) => this.#hear(frames),
      onceFlushed: (callback) => queueMicrotask(callback),
      close: () => {
        this.#isClosed = true;
      },
    };
    this.#session = world.engine.connect(transport, {
      url: "/v2/stream",
      headers: { authorization: JSON.stringify(caller) },
      remoteAddress: undefined,
    });
    const identify = JSON.stringify({ op: "IDENTIFY", subscriptions: [subscription, BEAT] });
    world.engine.gateway.receive(this.#session, identify);
  }

  /** Resolves when it has heard of everything; returns the rows and keys that were sent. */
  async settled(): Promise<number> {
    while (this.#seq < this.#world.seq && !this.#isEnded) await nextTurn();
    if (this.#failure !== undefined) throw this.#failure;
    return this.#rows;
  }

  close(): void {
    this.#world.engine.gateway.disconnected(this.#session, 1000);
  }

  get #isEnded(): boolean {
    return this.#isClosed || this.#failure !== undefined || this.#session.state.kind === "closed";
  }

  #hear(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (frame.isSilent) continue;
      const text = frame.payload.toString();
      const { op, type, seq = 0, channel, patch } = JSON.parse(text) as SentFrame;
      if (type === "WATERMARK") this.#seq = seq;
      if (op === "INVALID_SESSION") this.#isClosed = true;
      if (channel === this.#place.channel.name)
        this.#rows += (patch?.upsert.length ?? 0) + (patch?.remove.length ?? 0);
      const leak =
        this.#world.leakIn(text, this.caller) ??
        (patch?.remove ?? []).find((key) => !this.#world.mayKnow(this.caller, this.#place, key));
      if (leak !== undefined)
        this.#failure ??= new Error(
          `${leak} leaks into a feed under the policy "${this.#place.shape.name}" for ${JSON.stringify(this.caller)}: ${text}`,
        );
    }
  }
}
