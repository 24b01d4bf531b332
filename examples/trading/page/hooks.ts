/** The hooks of `tidemark/react` with this application's channels. */
import { createHooks, paintsPerSecond } from "tidemark/react";
import type { Channels } from "../channels.ts";

export const { TidemarkProvider, useConnection, useLiveQuery, useTidemarkClient } =
  createHooks<Channels>();

/** Options of widgets for what happens now: more often, nobody can read it. */
export const FAST = { pace: paintsPerSecond(15) } as const;
/** Options of widgets that sum up or draw what has happened. */
export const CALM = { pace: paintsPerSecond(5) } as const;
