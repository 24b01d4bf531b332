/**
 * The connections of a simulated client: WebSockets and HTTP requests, each to a node that a load
 * balancer picks.
 */
import type { Fetch } from "../src/client/connection/http-scheduler.ts";
import type { WebSocketLike } from "../src/client/connection/websocket-like.ts";
import type { BodySink } from "../src/server/http/http-stream.ts";
import { errorReply, INTERNAL_REPLY, type Reply } from "../src/server/http/reply.ts";
import type { ConnectionRequest } from "../src/server/turn/dialect.ts";
import type { Random } from "../src/std/random.ts";
import type { FaultCounts } from "./faults.ts";
import { Link, type ReadPace, type FrameObserver } from "./network.ts";
import type { SimNode } from "./node.ts";
import type { ActorClock, Scheduler } from "./scheduler.ts";

export interface CarrierOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: FaultCounts;
  readonly clock: ActorClock;
  readonly readPace: ReadPace;
  readonly frameObserver: FrameObserver;
  readonly trace: (line: string) => void;
  /** A node that is alive; undefined when there is none. */
  readonly node: () => SimNode | undefined;
  readonly faultRate: () => number;
}

const REQUEST = { url: "/", headers: {}, remoteAddress: undefined };

/** The network as one client uses it. */
export class Carriers {
  readonly #options: CarrierOptions;
  /** A proxy between client and nodes forbids WebSockets. */
  refusesUpgrades = false;
  current: Link | undefined;
  /** All open links: two while the client upgrades its carrier, one per poll. */
  readonly #links = new Set<Link>();

  constructor(options: CarrierOptions) {
    this.#options = options;
  }

  /** The class that the client constructs. */
  get WebSocket(): new (url: string) => WebSocketLike {
    const open = (socket: WebSocketLike): Link | undefined => this.#openSocket(socket);
    return class implements WebSocketLike {
      onopen: WebSocketLike["onopen"] = null;
      onmessage: WebSocketLike["onmessage"] = null;
      onclose: WebSocketLike["onclose"] = null;
      onerror: WebSocketLike["onerror"] = null;
      readonly #link: Link | undefined;

      constructor() {
        this.#link = open(this);
      }

      send(text: string): void {
        this.#link?.send(text);
      }

      close(): void {
        this.#link?.cut();
      }
    };
  }

  get fetch(): Fetch {
    return (url, init) => this.#fetch(url, init);
  }

  #link(
    node: SimNode,
    onFrame: (text: string) => void,
    onClosed: (code: number, reason: string) => void,
    frameObserver = this.#options.frameObserver,
  ): Link {
    const { scheduler, random, faults, clock, readPace, trace, faultRate } = this.#options;
    const link = new Link({
      scheduler,
      random,
      faults,
      clientClock: clock,
      readPace,
      node,
      frameObserver,
      trace,
      onFrame,
      onClosed,
      faultRate: faultRate(),
    });
    node.links.add(link);
    for (const former of this.#links) if (former.isClosed) this.#links.delete(former);
    this.#links.add(link);
    return link;
  }

  /** Cuts all open links at once. Returns whether any was open. */
  cutAll(): boolean {
    const open = [...this.#links].filter(({ isClosed }) => !isClosed);
    for (const link of open) link.cut();
    return open.length > 0;
  }

  #openSocket(socket: WebSocketLike): Link | undefined {
    const { random, faults, clock, node } = this.#options;
    const target = node();
    const isRefused = this.refusesUpgrades && faults.happens("proxy refuses upgrades");
    if (
      target === undefined ||
      isRefused ||
      (random.next() < 0.03 && faults.happens("cut while connecting"))
    ) {
      clock.after(5 + random.next() * 30, () => socket.onclose?.({ code: 1006, reason: "" }));
      return undefined;
    }
    const link = this.#link(
      target,
      (text) => socket.onmessage?.({ data: text }),
      (code, reason) => socket.onclose?.({ code, reason }),
    );
    this.current = link;
    clock.after(link.latencyMs, () => {
      if (link.isClosed) return;
      socket.onopen?.(undefined as never);
      target.clock.after(link.latencyMs, () => {
        if (link.isClosed) return;
        link.session = target.engine.connect(link, REQUEST);
        this.#perhapsCutEarly(link);
      });
    });
    return link;
  }

  #perhapsCutEarly(link: Link): void {
    const { random, faults, scheduler } = this.#options;
    const choice = random.next();
    if (choice < 0.03 && faults.happens("cut before HELLO")) link.cut();
    else if (choice < 0.06 && faults.happens("cut while identifying"))
      scheduler.at(scheduler.nowMs + link.latencyMs * 2.2, () => link.cut());
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const { clock, node, random } = this.#options;
    const target = node();
    await new Promise<void>((resolve) => clock.after(2 + random.next() * 20, resolve));
    if (target === undefined || !target.isAlive || init.signal?.aborted === true)
      throw new TypeError("fetch failed");
    const { pathname, search } = new URL(url);
    const request: ConnectionRequest = {
      ...REQUEST,
      url: pathname + search,
      headers: Object.fromEntries(new Headers(init.headers)),
    };
    const body = init.method === "POST" ? String(init.body) : undefined;
    if (pathname.endsWith("/sse")) return this.#stream(target, request, init);
    if (pathname.endsWith("/up"))
      return answerOf(async () => {
        await target.streamRoutes.up(request, async () => body ?? "");
        return { status: 204, headers: {}, body: null };
      });
    if (pathname.includes("/mutations/"))
      return this.#mutate(
        target,
        request,
        decodeURIComponent(pathname.split("/").at(-1) ?? ""),
        body ?? "",
      );
    return this.#poll(target, request, body, init.signal ?? undefined);
  }

  /** Fails when the node dies before it has answered. */
  async #mutate(
    node: SimNode,
    request: ConnectionRequest,
    name: string,
    body: string,
  ): Promise<Response> {
    const running = answerOf(() => node.routes.mutation(request, name, body));
    const { clock, faults } = this.#options;
    let isDone = false;
    void running.then(() => {
      isDone = true;
    });
    const died = new Promise<never>((_, reject) => {
      const look = (): void => {
        if (isDone) return;
        if (node.isAlive) return void clock.after(100, look);
        faults.happens("node dies with a mutation over HTTP");
        reject(new TypeError("terminated"));
      };
      clock.after(100, look);
    });
    return Promise.race([running, died]);
  }

  #stream(node: SimNode, request: ConnectionRequest, init: RequestInit): Response {
    const encoder = new TextEncoder();
    let link: Link | undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        let isOver = false;
        const end = (): void => {
          if (isOver) return;
          isOver = true;
          controller.error(new TypeError("terminated"));
        };
        link = this.#link(node, (text) => isOver || controller.enqueue(encoder.encode(text)), end);
        init.signal?.addEventListener("abort", () => {
          link?.cut();
          end();
        });
        this.current = link;
        const opened = link;
        opened.session = node.streamRoutes.events(request, () => sinkOf(opened));
      },
    });
    return new Response(body, { status: 200 });
  }

  #poll(
    node: SimNode,
    request: ConnectionRequest,
    body: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      let text = "";
      let isWhole = false;
      // The client handles a poll's answer when it is complete, and never handles an incomplete
      // one.
      const { scheduler, frameObserver } = this.#options;
      const deliveries: (() => void)[] = [];
      let isHandled = false;
      const inOrder = (note: () => void): void => void (isHandled ? note() : deliveries.push(note));
      // A fault is noted twice: before the client handles the answer, and in its order among the
      // deliveries.
      const faultNotes: (() => void)[] = [];
      const noteFault = (note: () => void): void => {
        faultNotes.push(note);
        inOrder(note);
      };
      const atEnd: FrameObserver = {
        onLost: (frame) => noteFault(() => frameObserver.onLost(frame)),
        onCorrupted: (frame) => noteFault(() => frameObserver.onCorrupted(frame)),
        onDelivered: (frame, sentMs) => inOrder(() => frameObserver.onDelivered(frame, sentMs)),
      };
      const fail = (): void => {
        if (!isWhole) return reject(new TypeError("terminated"));
        for (const note of faultNotes) note();
        resolve(new Response(text));
        scheduler.at(scheduler.nowMs, () => {
          isHandled = true;
          for (const note of deliveries) note();
        });
      };
      const link: Link = this.#link(
        node,
        (chunk) => {
          text += chunk;
        },
        fail,
        atEnd,
      );
      signal?.addEventListener("abort", () => {
        link.cut();
        reject(new TypeError("aborted"));
      });
      try {
        link.session = node.streamRoutes.poll(request, body, () =>
          sinkOf(link, () => {
            isWhole = true;
          }),
        );
      } catch (error) {
        resolve(responseOf(errorReply(error) ?? INTERNAL_REPLY));
      }
    });
  }
}

/** The body of an answer, sent over a link. */
function sinkOf(link: Link, onEnd: () => void = () => {}): BodySink {
  return {
    write: (text) => link.push(text),
    onceFlushed: (callback) => link.onceFlushed(callback),
    get bufferedBytes() {
      return link.bufferedBytes;
    },
    end: () => {
      onEnd();
      link.close(1000, "");
    },
    fail: () => link.cut(),
  };
}

async function answerOf(route: () => Reply | Promise<Reply>): Promise<Response> {
  try {
    return responseOf(await route());
  } catch (error) {
    return responseOf(errorReply(error) ?? INTERNAL_REPLY);
  }
}

function responseOf({ status, headers, body }: Reply): Response {
  return new Response(body === null ? null : String(body), { status, headers });
}
