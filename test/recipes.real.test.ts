/**
 * Takes the programs from docs/recipes.md and runs them: attached to each framework, with the
 * application's own users.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { WebSocket } from "ws";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  createClient,
  type MutateFunction,
  type TypedChannel,
  type WebSocketConstructor,
} from "../src/client/node.ts";
import { freePort } from "./support/free-port.ts";
import { emptyProject, type EmptyProject } from "./support/packed-package.ts";
import { snippetsOf } from "./support/snippets.ts";

interface Note {
  readonly id: string;
  readonly text: string;
  readonly author: string;
}
type Mutations = {
  readonly notes: {
    readonly add: {
      readonly isMutation: true;
      readonly inputType?: { id: string; text: string };
      readonly valueType?: void;
    };
  };
};

describe("recipes", () => {
  let project: EmptyProject;
  let child: ChildProcess | undefined;
  const stops: (() => void)[] = [];

  beforeAll(() => {
    project = emptyProject();
    for (const [name, text] of snippetsOf("docs/recipes.md"))
      writeFileSync(join(project.folder, name), text);
  });
  afterAll(() => project.remove());
  afterEach(async () => {
    for (const stop of stops.splice(0)) stop();
    const ended =
      child !== undefined && child.exitCode === null && child.signalCode === null
        ? new Promise((resolve) => child?.once("exit", resolve))
        : undefined;
    child?.kill("SIGKILL");
    await ended;
  });

  it.each(["express", "fastify", "hono", "nestjs", "by-hand"])(
    "attaches to %s and uses its users",
    async (name) => {
      const port = await freePort();
      let output = "";
      child = spawn(process.execPath, ["--import", "tsx", join(project.folder, `${name}.ts`)], {
        env: {
          ...process.env,
          PORT: String(port),
          TSX_TSCONFIG_PATH: join(project.folder, "tsconfig.json"),
        },
      });
      for (const stream of [child.stdout, child.stderr])
        stream?.on("data", (chunk) => (output += String(chunk)));
      const url = `http://127.0.0.1:${port}`;
      await expect
        .poll(
          () =>
            fetch(`${url}/whoami`).then(
              ({ status }) => status,
              () => output,
            ),
          { timeout: 20_000 },
        )
        .toBe(200);

      // The framework's own routes still work.
      const { sign } = (await import(join(project.folder, "auth.ts"))) as {
        sign(user: string): string;
      };
      const cookie = `session=${sign("rita")}`;
      expect(await (await fetch(`${url}/whoami`, { headers: { cookie } })).json()).toEqual({
        name: "rita",
      });
      const imported = await fetch(`${url}/import`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify([{ id: "n1", text: "hello", author: "import" }]),
      });
      expect(await imported.json()).toEqual({ seq: 2 });

      const connect = (headers: Record<string, string>) => {
        const client = createClient<{ notes: TypedChannel<Note> }, Mutations>({
          url: `${url}/v2/stream`,
          carriers: ["websocket"],
          WebSocket: class extends WebSocket {
            constructor(address: string) {
              super(address, { headers });
            }
          } as unknown as WebSocketConstructor,
        });
        stops.push(() => client.close());
        const view = client.live({ channel: "notes" });
        view.subscribe(() => {});
        return { client, view };
      };
      const stranger = connect({ cookie: "session=rita.forged" });
      await expect.poll(() => stranger.client.connection.getSnapshot().state.kind).toBe("refused");
      const { client, view } = connect({ cookie });
      await expect.poll(() => view.getSnapshot().keys).toEqual(["n1"]);
      const add: MutateFunction<{ id: string; text: string }, void> = client.mutate.notes.add;
      await add({ id: "n2", text: "mine" });
      expect(view.row("n2")).toEqual({ id: "n2", text: "mine", author: "rita" });
      await expect(add({ id: "n3", text: " " })).rejects.toMatchObject({ code: "EMPTY" });
      expect((await fetch(`${url}/nothing/here`)).status).toBe(404);
      expect(await (await fetch(`${url}/readyz`)).text()).toBe("ready\n");
      expect((await fetch(`${url}/metrics`, { headers: { cookie } })).status).toBe(403);
    },
  );
});
