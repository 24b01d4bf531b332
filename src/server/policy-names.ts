/** Checks the names in `policies` and in derived tables, once all channels are declared. */
import { TidemarkError } from "../std/errors.ts";
import type { Replica } from "../table/replica.ts";
import type { TidemarkOptions } from "./options.ts";

/** @throws TidemarkError `BAD_OPTION` */
export function checkNames(options: TidemarkOptions, replica: Replica): void {
  checkPolicies(options, replica);
  const [fault] = replica.derived.faults;
  if (fault !== undefined) throw new TidemarkError("BAD_OPTION", fault.reason);
}

/** A misspelt name would leave the intended table without a policy. */
function checkPolicies(
  { channels, policies = {} }: Pick<TidemarkOptions, "channels" | "policies">,
  replica: Replica,
): void {
  for (const name of Object.keys(policies)) {
    if (channels?.[name]?.policy !== undefined)
      throw new TidemarkError(
        "BAD_OPTION",
        `Channel "${name}" has a policy in its declaration and another in policies. Keep one.`,
      );
    if (replica.table(name) !== undefined) continue;
    const known = Array.from(replica.tables, ({ channel }) => `"${channel.name}"`)
      .slice(0, 20)
      .join(", ");
    throw new TidemarkError(
      "BAD_OPTION",
      `policies has the channel "${name}", which no source has declared. Declared channels: ${known || "none"}.`,
    );
  }
}
