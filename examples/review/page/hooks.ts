/** The hooks of `tidemark/react` with this application's channels and mutations. */
import { createHooks } from "tidemark/react";
import type { mutations } from "../mutations.ts";
import type { Channels } from "./client.ts";

export const { TidemarkProvider, useConnection, useLiveQuery, usePendingWrites } = createHooks<
  Channels,
  typeof mutations
>();
