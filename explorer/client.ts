/** The page's one client, to the server that the page came from. */
import { createClient } from "../src/client/index.ts";

export const client = createClient({ url: new URL("/v2/stream", location.href).href });
