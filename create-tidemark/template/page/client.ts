/** The connection to the server, and the hooks with this application's types. */
import { createClient } from "tidemark/client";
import { createHooks } from "tidemark/react";
import type { channels, mutations } from "../tasks.ts";

export const client = createClient<typeof channels, typeof mutations>({
  url: `${location.origin}/v2/stream`,
  // Shown at once, until the page's rows hold the write.
  optimistic: {
    tasks: { save: (task) => ({ channel: "tasks", key: task.id, insert: task }) },
  },
});

export const { TidemarkProvider, useLiveQuery } = createHooks<typeof channels, typeof mutations>();
