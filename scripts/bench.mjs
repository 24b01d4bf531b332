// `npm run bench -- <name>`: runs one benchmark. Without a name it prints the list.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { install, root, run } from "./setup.mjs";

const folder = join(root, "bench");
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".bench.ts"))
  .map((name) => name.replace(".bench.ts", ""));
const [name, ...args] = process.argv.slice(2);
const script = join(folder, `${name}.bench.ts`);
if (name === undefined || !existsSync(script)) {
  console.log(`npm run bench -- <name>\n  ${names.join("\n  ")}`);
  process.exit(name === undefined ? 0 : 2);
}
install();
install(folder);
install(join(root, "test"));
run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder]);
const tsx = join(root, "node_modules/tsx/dist/cli.mjs");
const { status } = spawnSync(process.execPath, [tsx, script, ...args], {
  cwd: root,
  stdio: "inherit",
});
process.exit(status ?? 1);
