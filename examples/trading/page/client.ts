/** The page's client of the present. */
import { createClient } from "tidemark/client";
import type { Channels } from "../channels.ts";

export const live = createClient<Channels>({ url: new URL("/v2/stream", location.href).href });
