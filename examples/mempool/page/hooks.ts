/** The hooks of `tidemark/react` with this application's channels. */
import { createHooks } from "tidemark/react";
import type { Channels } from "../channels.ts";

export const { TidemarkProvider, useConnection, useFreshness, useLiveQuery, usePause } =
  createHooks<Channels>();
