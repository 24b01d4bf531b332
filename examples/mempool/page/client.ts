/** The page's client. */
import { createClient } from "tidemark/client";
import type { Channels } from "../channels.ts";
import { PATHS } from "../paths.ts";
import { PageReports } from "./page-reports.ts";

/** What the page costs its reader, as the server is told, too. */
export const reports = new PageReports();

export const live = createClient<Channels>({
  url: new URL(PATHS.base + PATHS.stream, location.href).href,
  paths: PATHS,
  telemetry: reports.take,
});
