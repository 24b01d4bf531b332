/** The derived tables that a program declares, in the order in which they can be computed. */
import { TidemarkError } from "../std/errors.ts";
import { DerivedPlan } from "../derived/plan.ts";
import type { Derivation } from "../table/derivation.ts";
import type { Channels } from "./channel.ts";

/**
 * Each behind those that it is derived from. @throws TidemarkError `BAD_OPTION` for tables that
 * are derived from each other, and for a source that is another channel of the server
 */
export function derivationsOf(channels: Channels = {}): readonly Derivation[] {
  const ordered = new Map<string, Derivation>();
  const visit = (name: string, trail: readonly string[]): void => {
    const spec = channels[name]?.derived;
    if (spec === undefined || ordered.has(name)) return;
    const circle = [...trail, name];
    if (trail.includes(name))
      throw new TidemarkError(
        "BAD_OPTION",
        `Derived tables are derived from each other: ${circle.join(" from ")}. Derive one of them from a channel that is written.`,
      );
    const derivation = new DerivedPlan(name, spec);
    for (const input of derivation.inputs) visit(input, circle);
    ordered.set(name, derivation);
  };
  for (const [name, { sources = {} }] of Object.entries(channels)) {
    visit(name, []);
    for (const [source, definition] of Object.entries(sources)) {
      const declared = channels[source];
      if (declared === undefined || declared === definition) continue;
      throw new TidemarkError(
        "BAD_OPTION",
        `Derived table "${name}" names "${source}" with another definition than the one in channels. Give the channel its name there: from: { ${source} }.`,
      );
    }
  }
  return [...ordered.values()];
}
