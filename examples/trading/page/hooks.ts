/** The hooks of `tidemark/react` with this application's channels. */
import { createHooks } from "tidemark/react";
import type { Channels } from "../channels.ts";

export const { TidemarkProvider, useConnection, useLiveQuery, useTidemarkClient } =
  createHooks<Channels>();

/** Options of widgets whose rows change more often than somebody can read them. */
export const CALM = { paintsPerSecond: 15 } as const;
