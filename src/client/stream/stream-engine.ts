/**
 * The client's engine: one connection, any number of views. Frames are routed to their views and
 * staged; a WATERMARK applies them all, and the page gets all changes in one commit. The next
 * commit waits until the page has shown the last. The same code runs in a Web Worker and in the
 * page's thread.
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
import { routeAddress } from "../connection/route-address.ts";
import type { ConnectionState } from "../connection-state.ts";
import { CreditPolicy } from "./credit.ts";
import { EngineView, reachabilityOf } from "./engine-view.ts";
import { HttpScheduler, type Fetch } from "../connection/http-scheduler.ts";
import { STATS_INTERVAL_MS } from "../limits.ts";
import { PageCommits } from "./page-commits.ts";
import { PageServices } from "./page-services.ts";
import type { EngineConfig, PageCursor, ToEngine, ToPage } from "../port.ts";
import { QuietWatch } from "./quiet-watch.ts";
import { Requests } from "./requests.ts";
import { StreamStats } from "./stream-stats.ts";
import { SubscribedViews } from "./subscribed-views.ts";
import { PollTalk, StreamTalk, type Talk } from "./talk.ts";
import type { WebSocketConstructor } from "../connection/websocket-like.ts";
import { WriteSender } from "../writes/write-sender.ts";

export interface EngineParts {
  readonly post: (message: ToPage) => void;
  readonly WebSocket: WebSocketConstructor | undefined;
  readonly fetch: Fetch | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

export class StreamEngine {
  readonly #parts: EngineParts;
  readonly #clock: Clock;
  readonly #views = new SubscribedViews();
  readonly #commits: PageCommits;
  readonly #requests: Requests;
  readonly #services: PageServices;
  readonly #quiet: QuietWatch;
  readonly #credit = new CreditPolicy();
  readonly #stats: StreamStats;
  readonly #http: HttpScheduler;
  readonly #fetch: Fetch;
  #writes: WriteSender | undefined;
  readonly #streamTalk: Talk;
  readonly #pollTalk: Talk;
  #connection: Connection | undefined;
  #config: EngineConfig | undefined;
  #rowsMax = 0;
  #identifyRequest = 0;
  #cursor: PageCursor | undefined;
  #epoch: string | undefined;
  #nextTick: Cancel | undefined;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
    this.#commits = new PageCommits(parts.post, this.#views);
    this.#requests = new Requests(this.#clock);
    this.#stats = new StreamStats(this.#clock);
    this.#quiet = new QuietWatch(this.#clock, (to) => this.#views.setReachability(to));
    const talk = {
      send: (message: UpMessage) => this.#connection?.send(message),
      requests: this.#requests,
      credit: this.#credit,
    };
    this.#streamTalk = new StreamTalk(talk);
    this.#pollTalk = new PollTalk(talk);
    // On a platform without `fetch` each request fails, as without an answer.
    this.#fetch = async (route, init) =>
      (parts.fetch as Fetch)(routeAddress(this.#config as EngineConfig, route), init);
    this.#http = new HttpScheduler(this.#fetch, this.#clock);
    this.#services = new PageServices({
      http: this.#http,
      clock: this.#clock,
      post: parts.post,
      session: () => this.#connection?.sessionId ?? "",
      views: () => this.#views.all,
      standing: () => ({ cursor: this.#cursor, credit: this.#credit.left }),
    });
  }

  get #talk(): Talk {
    return this.#connection?.isPolling === true ? this.#pollTalk : this.#streamTalk;
  }

  handle(message: ToEngine): void {
    switch (message.kind) {
      case "configure":
        return this.#configure(message.config);
      case "connect":
        return this.#connection?.connect();
      case "open":
        return this.#open(new EngineView(message.id, message.query, message.after));
      case "close":
        return this.#close(message.id);
      case "credit":
        return this.#connection?.send(this.#views.creditOf(message));
      case "ack":
      case "await":
        this.#commits.handle(message);
        return this.#publish();
      case "hidden":
        return this.#connection?.setHidden(message.isHidden);
      case "network":
        return this.#connection?.networkChanged(message.isBack);
      case "credentials":
      case "fetch":
      case "abort":
      case "inspect":
        return this.#services.handle(message);
      case "write":
        this.#connection?.start();
        return this.#writes?.add(message.request);
      case "replay":
        for (const view of this.#views.all) view.goesElsewhere();
        return this.#connection?.move(message);
      case "stop":
        this.#nextTick?.();
        this.#writes?.stop();
        this.#services.inspector.isOn = false;
        return this.#connection?.stop();
    }
  }

  #configure(config: EngineConfig): void {
    assert(this.#connection === undefined, "an engine is configured once");
    const { WebSocket, fetch, random = systemRandom } = this.#parts;
    this.#config = config;
    this.#rowsMax = config.limits.viewRowsMax;
    this.#connection = new Connection({
      config,
      WebSocket,
      fetch: fetch && this.#fetch,
      random,
      clock: this.#clock,
      http: this.#http,
      credentials: this.#services.credentials,
      onFrame: (direction, text) => this.#services.inspector.note(direction, text),
      subscriptions: () => this.#subscriptions(),
      onMessage: (message, bytes) => this.#receive(message, bytes),
      onInvalid: (reason) => this.#onInvalid(reason),
      onState: (state) => this.#onState(state),
      onHeartbeat: () => this.#onHeartbeat(),
      onWarning: (text) => this.#parts.post({ kind: "warning", text }),
    });
    this.#writes = new WriteSender({
      clock: this.#clock,
      http: this.#http,
      credentials: this.#services.credentials,
      way: () => (this.#connection?.state.kind === "open" ? this.#talk.way : undefined),
      send: (message) => this.#connection?.send(message),
      onResult: () => {
        this.#connection?.catchUp();
        this.#publish();
      },
    });
    this.#tick();
  }

  #open(view: EngineView): void {
    this.#views.open(view);
    const state = this.#connection?.state;
    if (state !== undefined) view.setReachability(reachabilityOf(state));
    this.#connection?.start();
    if (state?.kind === "open") this.#talk.subscribe([view]);
    else this.#publish();
  }

  #close(id: string): void {
    const view = this.#views.close(id);
    if (view !== undefined) this.#unsubscribe(view);
  }

  #unsubscribe(view: EngineView): void {
    if (this.#views.unsubscribe(view) && view.viewId !== undefined) this.#endUnwanted(view.viewId);
  }

  /**
   * Ends a view that the page has closed. A missing answer may be for the view: then the view's
   * next frame calls this again.
   */
  #endUnwanted(viewId: string): void {
    if (this.#requests.size === 0 && this.#views.at(viewId).length === 0)
      this.#connection?.send({ op: "UNSUBSCRIBE", views: [viewId] });
  }

  #subscriptions(): readonly SubscriptionRequest[] {
    const views = this.#talk.identify(this.#views.list);
    this.#requests.clear();
    this.#identifyRequest = this.#requests.add(views);
    return views.map(({ request }) => request);
  }

  #receive(message: DownMessage, bytes: number): void {
    this.#stats.meter.noteBytes(bytes);
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
        for (const view of this.#views.all)
          if (view.query.channel === message.channel) view.setChannelStatus(message);
        return;
      case "MUTATION_RESULT":
        return this.#writes?.receive(message);
      case "WATERMARK":
        return this.#onWatermark(message);
    }
  }

  /**
   * The views that a frame is for. Ends a view that the page has closed, unless its answer is
   * still missing.
   */
  #addressed(viewId: string, bytes: number): readonly EngineView[] {
    this.#endUnwanted(viewId);
    const views = this.#views.at(viewId);
    for (const view of views) view.bytes += bytes;
    return views;
  }

  #onReady(epoch: string): void {
    this.#epoch = epoch;
    this.#quiet.start();
    if (this.#talk.subscribesAnew) this.#views.endAll();
    this.#talk.opened(() => this.#views.list.filter((view) => !this.#requests.has(view)));
    this.#writes?.opened();
  }

  #onSubscribed(message: Subscribed): void {
    const view = this.#requests.answered(message.id ?? this.#identifyRequest, message.index);
    if (view === undefined || !this.#views.isOpen(view)) return this.#endUnwanted(message.view);
    this.#views.subscribe(view, message.view);
    view.subscribed(message);
    if ((message.from_seq ?? 0) > Math.max(0, view.rows.seq)) this.#resync(view, "gap");
  }

  #onError({ id, index, view: viewId, code, message }: ErrorMessage): void {
    for (const view of this.#views.at(viewId ?? "")) view.failed({ code, message });
    this.#views.end(viewId ?? "");
    if (index !== undefined)
      this.#requests.answered(id ?? this.#identifyRequest, index)?.failed({ code, message });
    this.#publish();
  }

  #onWatermark(watermark: Watermark): void {
    const startMs = this.#clock.monotonic();
    const { seq, as_of, behind, server_time_unix_ms } = watermark;
    const wasSilent = this.#quiet.heard();
    this.#credit.noteTurn(startMs);
    this.#commits.noteTurn();
    this.#cursor = { epoch: this.#epoch ?? "", seq };
    this.#stats.noteTurn(watermark);
    let rows = 0;
    const visibleSeq = this.#writes?.visibleSeq(this.#epoch ?? "") ?? -1;
    for (const [viewId, views] of this.#views.subscribed) {
      const isBehind = behind?.includes(viewId) === true;
      for (const view of views) {
        const result = isBehind
          ? view.commitBehind(visibleSeq)
          : view.commit(seq, as_of, server_time_unix_ms);
        rows += result?.delivered ?? 0;
        if (result?.fault !== undefined) this.#resync(view, result.fault);
        if (view.rows.size > this.#rowsMax) this.#narrow(view);
      }
    }
    this.#writes?.endTurn(this.#epoch ?? "");
    for (const view of this.#views.all) if (!this.#views.isSubscribed(view)) view.leftBehind();
    this.#stats.noteApplied({
      rows,
      ms: this.#clock.monotonic() - startMs,
      oldestCommitMs: watermark.oldest_commit_unix_ms,
      clockOffsetMs: this.#connection?.clockOffsetMs ?? 0,
    });
    this.#publish();
    if (wasSilent) this.#postStats();
  }

  /** Requests one view again: from its cursor, or from the start when its rows are wrong. */
  #resync(view: EngineView, reason: ResyncReason): void {
    view.resyncs++;
    if (reason === "drift") {
      this.#stats.drifts++;
      view.distrust();
    } else {
      this.#stats.gaps++;
      view.fellBehind();
    }
    const { viewId, cursor } = view;
    this.#views.unsubscribe(view);
    // A cursor of another history or another view is not valid here.
    const isUsable = cursor?.epoch === this.#epoch && cursor?.view === viewId;
    this.#talk.resync(view, reason, isUsable ? cursor?.seq : undefined);
  }

  /** Requests only `viewRowsMax` rows of a larger view, and marks it as partial. */
  #narrow(view: EngineView): void {
    if (view.narrowedTo !== undefined) return;
    this.#unsubscribe(view);
    view.rows.discardStaged();
    view.narrowedTo = this.#rowsMax;
    this.#talk.subscribe([view]);
  }

  #onInvalid(reason: InvalidSessionReason): void {
    // Rights have changed: no row is shown until the server has answered under the new ones. In
    // another history, or under another identity, rows are not known to be right.
    if (reason === "revoked") {
      this.#parts.post({ kind: "revoked" });
      for (const view of this.#views.all) view.forget();
    } else if (reason === "epoch" || reason === "identity")
      for (const view of this.#views.all) view.leftBehind();
    this.#publish();
  }

  #onState(state: ConnectionState): void {
    const isSeamless = state.kind === "identifying" && state.isSeamless;
    if (state.kind !== "open") {
      if (!isSeamless) this.#quiet.stop();
      this.#requests.clear();
      this.#views.endAll();
      this.#writes?.discardStaged();
    }
    const reachability = reachabilityOf(state);
    for (const view of this.#views.all) {
      if (state.kind !== "open") view.discardStaged();
      // After reconnecting, a view is behind until a turn says otherwise.
      if (state.kind !== "open" && !isSeamless) view.leftBehind();
      if (!isSeamless) view.setReachability(reachability);
    }
    this.#publish();
    this.#postStats();
  }

  /** Sends again what may have been lost on the way to the server. */
  #onHeartbeat(): void {
    if (!this.#talk.asksAgain) return;
    if (!this.#commits.isBusy) this.#talk.renewCredit();
    this.#writes?.beat();
    const late = new Set(this.#requests.takeOverdue().filter((view) => this.#views.isOpen(view)));
    for (const view of this.#views.all)
      if (view.isWithoutChannel && !this.#requests.has(view)) late.add(view);
    if (late.size > 0) this.#talk.subscribe([...late]);
  }

  /** Posts all new changes to the page, if the page has shown the last commit. */
  #publish(): void {
    if (this.#commits.publish(this.#cursor, this.#writes)) this.#talk.replenish();
  }

  #tick(): void {
    this.#nextTick = this.#clock.after(STATS_INTERVAL_MS, () => this.#tick());
    if (this.#talk.isHeardOften) this.#quiet.check(this.#config?.limits.quietMs ?? 0);
    this.#publish();
    this.#postStats();
  }

  #postStats(): void {
    if (this.#connection === undefined) return;
    this.#parts.post({
      kind: "connection",
      stats: this.#stats.read(this.#connection, this.#views.all, {
        cursor: this.#cursor,
        epoch: this.#epoch,
        silentSinceMs: this.#quiet.silentSinceMs,
        requestsPending: this.#http.pending,
      }),
    });
  }
}
