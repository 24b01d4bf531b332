/**
 * The client's engine: one connection, any number of views. Frames are routed to their views and
 * staged; a WATERMARK applies them all, and the page is told of everything in one commit, the next
 * one not before it has shown the last. It runs in a Web Worker or beside the page, the same code.
 */
import { systemClock, type Cancel, type Clock } from "../../std/clock.ts";
import { systemRandom, type Random } from "../../std/random.ts";
import { assert } from "../../std/assert.ts";
import type { DownMessage } from "../../protocol/down.ts";
import type { ErrorMessage } from "../../protocol/messages/error.ts";
import type { InvalidSessionReason } from "../../protocol/messages/invalid-session.ts";
import type { ResyncReason } from "../../protocol/messages/resync.ts";
import type { SubscriptionRequest } from "../../protocol/messages/subscribe.ts";
import type { Subscribed } from "../../protocol/messages/subscribed.ts";
import type { Watermark } from "../../protocol/messages/watermark.ts";
import type { UpMessage } from "../../protocol/up.ts";
import { Connection } from "../connection/connection.ts";
import type { ConnectionState } from "../connection-state.ts";
import { Credentials } from "../connection/credentials.ts";
import { CreditPolicy } from "./credit.ts";
import { EngineView, reachabilityOf } from "./engine-view.ts";
import { HttpScheduler, type Fetch } from "../connection/http-scheduler.ts";
import { PageFetches } from "./page-fetches.ts";
import type { EngineConfig, Position, ToEngine, ToPage, WriteRequest } from "../port.ts";
import { Readings } from "./readings.ts";
import { Requests } from "./requests.ts";
import { PollTalk, StreamTalk, type Talk } from "./talk.ts";
import { Tap } from "./tap.ts";
import type { WebSocketConstructor } from "../connection/websocket-like.ts";
import { WriteSender } from "../writes/write-sender.ts";

export interface EngineParts {
  readonly post: (message: ToPage) => void;
  readonly WebSocket: WebSocketConstructor | undefined;
  readonly fetch: Fetch | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

const READING_INTERVAL_MS = 1_000;
/** The server is heard each second; after this long what is shown may be old, and says so. */
const QUIET_MS = 3_000;

export class StreamEngine {
  readonly #parts: EngineParts;
  readonly #clock: Clock;
  readonly #views = new Map<string, EngineView>();
  /** By the server's view id; two queries that differ here may be one view there. */
  readonly #seated = new Map<string, Set<EngineView>>();
  readonly #requests: Requests;
  readonly #credentials: Credentials;
  readonly #tap: Tap;
  readonly #fetches: PageFetches;
  readonly #credit = new CreditPolicy();
  readonly #readings: Readings;
  readonly #http: HttpScheduler;
  #writes: WriteSender | undefined;
  readonly #streamTalk: Talk;
  readonly #pollTalk: Talk;
  #connection: Connection | undefined;
  #config: EngineConfig | undefined;
  /** The request that the last IDENTIFY or RESUME was. */
  #identified = 0;
  #position: Position | undefined;
  #epoch: string | undefined;
  #heardMs = Number.NEGATIVE_INFINITY;
  #isQuiet = false;
  #turnsSinceCommit = 0;
  /** The page has not shown the last commit yet. */
  #isPageBusy = false;
  #reading: Cancel | undefined;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
    this.#requests = new Requests(this.#clock);
    this.#readings = new Readings(this.#clock);
    const talk = {
      send: (message: UpMessage) => this.#connection?.send(message),
      requests: this.#requests,
      credit: this.#credit,
    };
    this.#streamTalk = new StreamTalk(talk);
    this.#pollTalk = new PollTalk(talk);
    const { fetch = () => Promise.reject(new Error("this platform has no fetch")) } = parts;
    this.#http = new HttpScheduler(fetch, this.#clock);
    this.#credentials = new Credentials(parts.post);
    this.#tap = new Tap({
      clock: this.#clock,
      post: parts.post,
      views: () => this.#views.values(),
      standing: () => ({ position: this.#position, credit: this.#credit.left }),
    });
    this.#fetches = new PageFetches(this.#http, parts.post);
  }

  get #talk(): Talk {
    return this.#connection?.isPolling === true ? this.#pollTalk : this.#streamTalk;
  }

  handle(message: ToEngine): void {
    switch (message.kind) {
      case "configure":
        return this.#configure(message.config);
      case "connect":
        return this.#connection?.start();
      case "open":
        return this.#open(new EngineView(message.id, message.query));
      case "close":
        return this.#close(message.id);
      case "ack":
        this.#isPageBusy = false;
        return this.#publish();
      case "hidden":
        return this.#connection?.setHidden(message.isHidden);
      case "network":
        return this.#connection?.networkChanged(message.isBack);
      case "credentials":
        return this.#credentials.answered(message);
      case "fetch":
        void this.#fetches.fetch(message);
        return;
      case "abort":
        return this.#fetches.abort(message.id);
      case "tap":
        this.#tap.isOn = message.isOn;
        return;
      case "write":
        return this.#write(message.request);
      case "stop":
        this.#reading?.();
        this.#writes?.stop();
        this.#tap.isOn = false;
        return this.#connection?.stop();
    }
  }

  #configure(config: EngineConfig): void {
    assert(this.#connection === undefined, "an engine is configured once");
    const { WebSocket, fetch, random = systemRandom } = this.#parts;
    this.#config = config;
    this.#connection = new Connection({
      config,
      WebSocket,
      fetch,
      random,
      clock: this.#clock,
      http: this.#http,
      credentials: () => this.#credentials.ask(),
      onFrame: (direction, text) => this.#tap.note(direction, text),
      subscriptions: () => this.#subscriptions(),
      onMessage: (message, bytes) => this.#receive(message, bytes),
      onInvalid: (reason) => this.#onInvalid(reason),
      onState: (state) => this.#onState(state),
      onHeartbeat: () => this.#onHeartbeat(),
    });
    this.#writes = new WriteSender({
      clock: this.#clock,
      http: this.#http,
      base: config.url.replace(/^ws/, "http").replace(/\/[^/]*$/, ""),
      credentials: () => this.#credentials.ask(),
      way: () => (this.#connection?.state.kind === "open" ? this.#talk.way : undefined),
      send: (message) => this.#connection?.send(message),
      onResult: () => {
        this.#connection?.catchUp();
        this.#publish();
      },
    });
    this.#tick();
  }

  #write(request: WriteRequest): void {
    this.#connection?.start();
    this.#writes?.add(request);
  }

  #open(view: EngineView): void {
    this.#views.set(view.id, view);
    const state = this.#connection?.state;
    if (state !== undefined) view.setReachability(reachabilityOf(state));
    this.#connection?.start();
    if (state?.kind === "open") this.#talk.subscribe([view]);
  }

  #close(id: string): void {
    const view = this.#views.get(id);
    this.#views.delete(id);
    if (view !== undefined) this.#unseat(view);
  }

  #unseat(view: EngineView): void {
    const sharers = view.viewId === undefined ? undefined : this.#seated.get(view.viewId);
    if (view.viewId === undefined || sharers?.delete(view) !== true || sharers.size > 0) return;
    this.#seated.delete(view.viewId);
    this.#endUnwanted(view.viewId);
  }

  /** While answers are to come, one of them may be for this very view: then the next of its frames asks again. */
  #endUnwanted(viewId: string): void {
    if (this.#requests.size === 0 && (this.#seated.get(viewId)?.size ?? 0) === 0)
      this.#connection?.send({ op: "UNSUBSCRIBE", views: [viewId] });
  }

  #subscriptions(): readonly SubscriptionRequest[] {
    const views = this.#talk.identify([...this.#views.values()]);
    this.#requests.clear();
    this.#identified = this.#requests.add(views);
    return views.map(({ request }) => request);
  }

  #receive(message: DownMessage, bytes: number): void {
    this.#readings.meter.noteBytes(bytes);
    if (message.op === "ERROR") return this.#onError(message);
    if (message.op !== "DISPATCH") return;
    switch (message.type) {
      case "READY":
      case "RESUMED":
        return this.#onReady(message.epoch);
      case "SUBSCRIBED":
        return this.#onSubscribed(message);
      case "SNAPSHOT":
        for (const view of this.#addressed(message.view ?? message.channel, bytes)) {
          if (view.rows.stageSnapshot(message) === "gap") this.#resync(view, "gap");
          else if (view.rows.stagedRows > this.#rowsMax) this.#narrow(view);
        }
        return;
      case "DELTA_BATCH":
      case "DIGEST":
        for (const view of this.#addressed(message.view ?? message.channel, bytes))
          if (view.rows.stageDelta(message) === "gap") this.#resync(view, "gap");
        return;
      case "CHANNEL_STATUS":
        for (const view of this.#views.values())
          if (view.query.channel === message.channel) view.setChannelStatus(message);
        return;
      case "MUTATION_RESULT":
        return this.#writes?.receive(message);
      case "WATERMARK":
        return this.#onWatermark(message);
    }
  }

  /** The views that a frame is for. One that nobody here wants is ended, unless its answer is still to come. */
  #addressed(viewId: string, bytes: number): readonly EngineView[] {
    this.#endUnwanted(viewId);
    const views = [...(this.#seated.get(viewId) ?? [])];
    for (const view of views) view.bytes += bytes;
    return views;
  }

  #onReady(epoch: string): void {
    this.#epoch = epoch;
    this.#heardMs = this.#clock.monotonic();
    if (this.#talk.isSeatedAnew) this.#seated.clear();
    this.#talk.opened(() => [...this.#views.values()].filter((view) => !this.#requests.has(view)));
    this.#writes?.opened();
  }

  #onSubscribed(message: Subscribed): void {
    const view = this.#requests.answered(message.id ?? this.#identified, message.index);
    if (view === undefined || this.#views.get(view.id) !== view)
      return this.#endUnwanted(message.view);
    const sharers = this.#seated.get(message.view);
    if (sharers === undefined) this.#seated.set(message.view, new Set([view]));
    else sharers.add(view);
    view.seated(message);
    if ((message.from_seq ?? 0) > Math.max(0, view.rows.seq)) this.#resync(view, "gap");
  }

  #onError({ id, index, view: viewId, code, message }: ErrorMessage): void {
    for (const view of this.#seated.get(viewId ?? "") ?? []) view.failed({ code, message });
    this.#seated.delete(viewId ?? "");
    if (index !== undefined)
      this.#requests.answered(id ?? this.#identified, index)?.failed({ code, message });
    this.#publish();
  }

  #onWatermark(watermark: Watermark): void {
    const startMs = this.#clock.monotonic();
    const { seq, as_of, behind, server_time_unix_ms } = watermark;
    this.#heardMs = startMs;
    this.#hush(false);
    this.#credit.noteTurn(startMs);
    this.#turnsSinceCommit++;
    this.#position = { epoch: this.#epoch ?? "", seq };
    this.#readings.noteTurn(watermark);
    let rows = 0;
    for (const [viewId, views] of this.#seated) {
      const isBehind = behind?.includes(viewId) === true;
      for (const view of views) {
        const result = isBehind
          ? view.commitBehind()
          : view.commit(seq, as_of, server_time_unix_ms);
        rows += result?.changed ?? 0;
        if (result?.fault !== undefined) this.#resync(view, result.fault);
        if (view.rows.size > this.#rowsMax) this.#narrow(view);
      }
    }
    this.#writes?.endTurn(this.#epoch ?? "");
    for (const view of this.#views.values())
      if (view.viewId === undefined || this.#seated.get(view.viewId)?.has(view) !== true)
        view.leftBehind();
    const nowMs = this.#clock.now();
    this.#readings.meter.noteRows(rows);
    this.#readings.meter.noteApply(nowMs, this.#clock.monotonic() - startMs);
    if (watermark.oldest_commit_unix_ms !== undefined && rows > 0) {
      this.#readings.meter.noteLatency(
        nowMs,
        nowMs + (this.#connection?.clockOffsetMs ?? 0) - watermark.oldest_commit_unix_ms,
      );
    }
    this.#publish();
  }

  /** Asks for one view again: from where it stands, or, when its rows don't add up, from the start. */
  #resync(view: EngineView, reason: ResyncReason): void {
    view.resyncs++;
    if (reason === "drift") {
      this.#readings.drifts++;
      view.distrust();
    } else {
      this.#readings.gaps++;
      view.fellBehind();
    }
    const { viewId, cursor } = view;
    if (viewId !== undefined) this.#seated.get(viewId)?.delete(view);
    // A position in another history, or in another view, is none here.
    const isUsable = cursor?.epoch === this.#epoch && cursor?.view === viewId;
    this.#talk.resync(view, reason, isUsable ? cursor?.seq : undefined);
  }

  /** The view is larger than this client may hold: ask for its first rows only, and say so. */
  #narrow(view: EngineView): void {
    if (view.narrowedTo !== undefined) return;
    this.#unseat(view);
    view.rows.discardStaged();
    view.narrowedTo = this.#rowsMax;
    this.#talk.subscribe([view]);
  }

  #onInvalid(reason: InvalidSessionReason): void {
    // Rows held under rights that have changed are not shown while it is found out which may stay; of another history, or another identity, they are not known to be right.
    if (reason === "revoked") {
      this.#parts.post({ kind: "revoked" });
      for (const view of this.#views.values()) view.forget();
    } else if (reason === "epoch" || reason === "identity")
      for (const view of this.#views.values()) view.leftBehind();
    this.#publish();
  }

  #onState(state: ConnectionState): void {
    const isSeamless = state.kind === "identifying" && state.isSeamless;
    if (state.kind !== "open") {
      this.#requests.clear();
      this.#seated.clear();
      this.#writes?.discardStaged();
    }
    const reachability = reachabilityOf(state);
    for (const view of this.#views.values()) {
      if (state.kind !== "open") view.discardStaged();
      // Open again, it is as old as it was until a turn says otherwise.
      if (state.kind !== "open" && !isSeamless) view.leftBehind();
      if (!isSeamless) view.setReachability(reachability);
    }
    this.#publish();
    this.#postReading();
  }

  /** What may have been lost on the way up is said again. */
  #onHeartbeat(): void {
    if (!this.#talk.asksAgain) return;
    if (!this.#isPageBusy) this.#talk.renewCredit();
    this.#writes?.beat();
    const overdue = new Set(
      this.#requests.takeOverdue().filter((view) => this.#views.get(view.id) === view),
    );
    for (const view of this.#views.values())
      if (view.isWithoutChannel && !this.#requests.has(view)) overdue.add(view);
    if (overdue.size > 0) this.#talk.subscribe([...overdue]);
  }

  /** Tells the page everything that it has not been told, if it has shown the last of it. */
  #publish(): void {
    if (this.#isPageBusy) return;
    const views = [...this.#views.values()]
      .filter(({ hasNews }) => hasNews)
      .map((view) => view.takeNews());
    if (views.length > 0 || this.#writes?.hasNews(this.#position) === true) {
      this.#isPageBusy = true;
      const turns = this.#turnsSinceCommit;
      this.#turnsSinceCommit = 0;
      const results = this.#writes?.takeResults() ?? [];
      return this.#parts.post({ kind: "commit", views, results, turns, position: this.#position });
    }
    this.#talk.replenish();
  }

  #tick(): void {
    this.#reading = this.#clock.after(READING_INTERVAL_MS, () => this.#tick());
    const kind = this.#connection?.state.kind;
    if (
      (kind === "open" || kind === "identifying") &&
      this.#clock.monotonic() - this.#heardMs > QUIET_MS &&
      this.#talk.isHeardOften
    )
      this.#hush(true);
    this.#publish();
    this.#postReading();
  }

  #hush(isQuiet: boolean): void {
    if (this.#isQuiet === isQuiet) return;
    this.#isQuiet = isQuiet;
    const reachability = {
      isOpen: !isQuiet,
      reason: isQuiet ? "nothing is heard from the server" : undefined,
    };
    for (const view of this.#views.values()) view.setReachability(reachability);
  }

  #postReading(): void {
    if (this.#connection === undefined) return;
    this.#parts.post({
      kind: "connection",
      reading: this.#readings.read(this.#connection, this.#views.values(), {
        position: this.#position,
        epoch: this.#epoch,
        requestsPending: this.#http.pending,
      }),
    });
  }

  get #rowsMax(): number {
    return this.#config?.rowsMax ?? 0;
  }
}
