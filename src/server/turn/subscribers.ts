/**
 * Which sessions subscribe to which view: a flush serves them, and sources learn from it which
 * views are watched.
 */
import type { WireWhere } from "../../protocol/query.ts";
import type { View } from "../../table/view.ts";
import type { InterestTracker } from "../interest-tracker.ts";
import type { Session } from "./session.ts";

export class Subscribers {
  readonly #interest: InterestTracker;
  readonly #sessions = new Map<View, Set<Session>>();
  #count = 0;

  constructor(interest: InterestTracker) {
    this.#interest = interest;
  }

  /** Subscriptions of all sessions. */
  get count(): number {
    return this.#count;
  }

  of(view: View): Iterable<Session> {
    return this.#sessions.get(view) ?? [];
  }

  /**
   * The sessions of all views of a channel; a session with several of them is listed several times.
   */
  *ofChannel(channel: string): Iterable<Session> {
    for (const [view, sessions] of this.#sessions) if (view.channel === channel) yield* sessions;
  }

  /** `policy` restricts the view's rows in addition to its query. */
  add(view: View, session: Session, policy: WireWhere | undefined): void {
    this.#count++;
    const sessions = this.#sessions.get(view);
    if (sessions !== undefined) {
      sessions.add(session);
      return;
    }
    this.#sessions.set(view, new Set([session]));
    this.#interest.watch(view, policy);
  }

  remove(view: View, session: Session): void {
    this.#count--;
    const sessions = this.#sessions.get(view);
    sessions?.delete(session);
    if (sessions?.size !== 0) return;
    this.#sessions.delete(view);
    this.#interest.unwatch(view);
  }
}
