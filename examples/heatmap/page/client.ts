/** The page's client of the present. Where the server's socket is off, it polls. */
import { createClient, type TidemarkClient } from "tidemark/client";
import type { Channels, HeatmapSettings } from "../channels.ts";

export interface Live {
  readonly live: TidemarkClient<Channels>;
  /** How often it polls; undefined where it has a socket. */
  readonly pollMs: number | undefined;
}

export async function createLive(): Promise<Live> {
  const url = new URL("/v2/stream", location.href).href;
  const settings = await readSettings();
  if (settings?.has_socket !== false)
    return { live: createClient<Channels>({ url }), pollMs: undefined };
  const pollMs = settings.every_ms;
  const live = createClient<Channels>({ url, carriers: ["poll"], pollIntervalMs: pollMs });
  return { live, pollMs };
}

/** Undefined when the server does not answer: the client then says so. */
async function readSettings(): Promise<HeatmapSettings | undefined> {
  try {
    const answer = await fetch("/v2/rows/settings/heatmap");
    const { row } = (await answer.json()) as { readonly row?: HeatmapSettings };
    return row;
  } catch {
    return undefined;
  }
}
