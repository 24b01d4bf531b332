/** All checks, in the order of PROTOCOL.md. */
import { ACCESS_RULES } from "./access-rules.ts";
import { CARRIER_RULES } from "./carrier-rules.ts";
import type { Check } from "./check.ts";
import { CONNECTION_RULES } from "./connection-rules.ts";
import { CREDIT_RULES } from "./credit-rules.ts";
import { HISTORY_RULES } from "./history-rules.ts";
import { HTTP_RULES } from "./http-rules.ts";
import { QUERY_RULES } from "./query-rules.ts";
import { SESSION_RULES } from "./session-rules.ts";
import { SUBSCRIPTION_RULES } from "./subscription-rules.ts";
import { TELEMETRY_RULES } from "./telemetry-rules.ts";
import { TURN_RULES } from "./turn-rules.ts";
import { VERSION_RULES } from "./version-rules.ts";
import { WRITE_RULES } from "./write-rules.ts";

const numberOf = ({ rule }: Check): number => Number(rule.slice(1));
const PUBLISHED: readonly Check[] = [
  ...CONNECTION_RULES,
  ...SUBSCRIPTION_RULES,
  ...QUERY_RULES,
  ...TURN_RULES,
].toSorted((left, right) => numberOf(left) - numberOf(right));

export const CHECKS: readonly Check[] = [
  ...PUBLISHED,
  ...VERSION_RULES,
  ...SESSION_RULES,
  ...CREDIT_RULES,
  ...WRITE_RULES,
  ...CARRIER_RULES,
  ...HTTP_RULES,
  ...HISTORY_RULES,
  ...TELEMETRY_RULES,
  ...ACCESS_RULES,
];
