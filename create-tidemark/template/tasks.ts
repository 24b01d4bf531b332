/** The tables and the mutations of this application. The page imports only their types. */
import { channel, mutation } from "tidemark";
import { z } from "zod";

const task = z.object({ id: z.string(), title: z.string().min(1).max(200), isDone: z.boolean() });

export const channels = { tasks: channel({ key: "id", row: task }) };

export const mutations = {
  tasks: {
    /** Adds a task, or replaces it. */
    save: mutation({
      source: "memory",
      input: task,
      handler: ({ input, write }) => write.upsert("tasks", input),
    }),
  },
};
