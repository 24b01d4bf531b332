/** The page's only client. It connects to the server of the page. */
import { createClient } from "../src/client/index.ts";

export const client = createClient({ url: new URL("/v2/stream", location.href).href });
