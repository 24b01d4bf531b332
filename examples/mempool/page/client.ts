/** The page's client. */
import { createClient } from "tidemark/client";
import type { Channels } from "../channels.ts";
import { PATHS } from "../paths.ts";

export const live = createClient<Channels>({
  url: new URL(PATHS.base + PATHS.stream, location.href).href,
  paths: PATHS,
});
