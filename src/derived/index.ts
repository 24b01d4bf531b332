/** The entry point `tidemark/derived`: tables that the server computes from other tables. */
export { derived } from "./derived.ts";
export type { DerivedDefinition, DerivedOptions, Join } from "./derived.ts";
export { avg, count, first, last, max, min, sum, timeBucket } from "./aggregate.ts";
export type { Aggregate, AggregateKind, TimeBucket } from "./aggregate.ts";
