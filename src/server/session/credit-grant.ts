/**
 * Applies a CREDIT: turns of the session, and turns of single channels or views, also of later
 * subscriptions.
 */
import type { Credit } from "../../protocol/messages/credit.ts";
import type { Session } from "../turn/session.ts";

/** Keeps the newest `namesMax` names for later subscriptions. */
export function grantCredit(
  session: Session,
  { turns, channel_credit }: Credit,
  namesMax: number,
): void {
  if (turns !== undefined) {
    session.credit = turns ?? undefined;
    session.isExhausted = false;
  }
  if (channel_credit === undefined) return;
  const names = [...session.channelCredit, ...Object.entries(channel_credit)];
  session.channelCredit = new Map(names.slice(-namesMax));
  for (const subscription of session.subscriptions.values()) {
    const { id, channel } = subscription.view;
    const name = [id, channel].find((known) => Object.hasOwn(channel_credit, known));
    if (name !== undefined) subscription.credit = channel_credit[name] ?? undefined;
  }
}
