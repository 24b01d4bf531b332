/**
 * The engine's views, and which of them the server's view ids stand for: two queries that differ
 * here may be one view there.
 */
import type { Credit } from "../../protocol/messages/credit.ts";
import type { ToEngine } from "../port.ts";
import type { EngineView, Reachability } from "./engine-view.ts";

export class SubscribedViews {
  readonly #views = new Map<string, EngineView>();
  readonly #byViewId = new Map<string, Set<EngineView>>();

  /** The views that the page has open. */
  get all(): Iterable<EngineView> {
    return this.#views.values();
  }

  get list(): readonly EngineView[] {
    return [...this.#views.values()];
  }

  /** The views that the server sends frames for, by view id. */
  get subscribed(): Iterable<readonly [string, ReadonlySet<EngineView>]> {
    return this.#byViewId;
  }

  setReachability(reachability: Reachability): void {
    for (const view of this.all) view.setReachability(reachability);
  }

  open(view: EngineView): void {
    this.#views.set(view.id, view);
  }

  /** Closes a view for the page. Returns the view, if it was open. */
  close(id: string): EngineView | undefined {
    const view = this.#views.get(id);
    this.#views.delete(id);
    return view;
  }

  creditOf({ id, turns }: ToEngine & { readonly kind: "credit" }): Credit {
    return { op: "CREDIT", channel_credit: { [this.#views.get(id)?.viewId ?? ""]: turns } };
  }

  isOpen(view: EngineView): boolean {
    return this.#views.get(view.id) === view;
  }

  isSubscribed(view: EngineView): boolean {
    return view.viewId !== undefined && this.#byViewId.get(view.viewId)?.has(view) === true;
  }

  /** The views that a frame with this view id is for. */
  at(viewId: string): readonly EngineView[] {
    return [...(this.#byViewId.get(viewId) ?? [])];
  }

  subscribe(view: EngineView, viewId: string): void {
    const sharers = this.#byViewId.get(viewId);
    if (sharers === undefined) this.#byViewId.set(viewId, new Set([view]));
    else sharers.add(view);
  }

  /** Frames are no longer for this view. Returns whether it was the last of its view id. */
  unsubscribe(view: EngineView): boolean {
    const sharers = view.viewId === undefined ? undefined : this.#byViewId.get(view.viewId);
    if (view.viewId === undefined || sharers?.delete(view) !== true || sharers.size > 0)
      return false;
    this.#byViewId.delete(view.viewId);
    return true;
  }

  /** The server has ended this view id. */
  end(viewId: string): void {
    this.#byViewId.delete(viewId);
  }

  /** The server has ended all of them. */
  endAll(): void {
    this.#byViewId.clear();
  }
}
