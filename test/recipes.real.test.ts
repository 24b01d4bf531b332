/**
 * Takes the programs from docs/recipes.md and runs them: attached to each framework, with the
 * application's own users.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  createClient,
  type MutateFunction,
  type TypedChannel,
  type WebSocketConstructor,
} from "../src/client/node.ts";
import { freePort } from "./support/free-port.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const page = readFileSync(new URL("../docs/recipes.md", import.meta.url), "utf8");
const programs = new Map(
  [...page.matchAll(/```ts\n\/\/ ([\w-]+\.ts)\n([\s\S]*?)```/g)].map(([, name = "", text = ""]) => [
    name,
    text,
  ]),
);

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
  // The folder is below test/, where the frameworks are installed.
  let folder = "";
  let child: ChildProcess | undefined;
  const stops: (() => void)[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(here, ".recipes-"));
    // Stands for an installed package.
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(join(here, ".."), join(folder, "node_modules", "tidemark"));
    for (const [name, text] of programs) writeFileSync(join(folder, name), text);
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: { target: "es2022", module: "nodenext", experimentalDecorators: true },
      }),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
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
      child = spawn(process.execPath, ["--import", "tsx", join(folder, `${name}.ts`)], {
        env: {
          ...process.env,
          PORT: String(port),
          TSX_TSCONFIG_PATH: join(folder, "tsconfig.json"),
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
      const { sign } = (await import(join(folder, "auth.ts"))) as { sign(user: string): string };
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
