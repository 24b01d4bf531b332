#!/usr/bin/env node
/** The command line: `tidemark COMMAND`. Nothing outside this folder reads the environment. */
import { TidemarkError } from "../std/errors.ts";
import { COMMANDS, print } from "./commands.ts";
import { HELP } from "./help.ts";
import { bad, parse } from "./options.ts";

async function main(): Promise<void> {
  const { values, positionals } = parse();
  const [name = "help", ...given] = positionals;
  if (values.help === true || name === "help") return print(HELP);
  const command = COMMANDS.get(name);
  const surplus = given[command?.argumentsMax ?? 0];
  if (surplus !== undefined) throw bad(`"${surplus}" is not understood after ${name}`);
  if (command === undefined) throw bad(`there is no command "${name}"`);
  await command.run(values, given);
}

main().catch((error: unknown) => {
  const isExpected = error instanceof TidemarkError;
  process.stderr.write(
    isExpected
      ? `tidemark: ${error.message} [${error.code}]\n`
      : `tidemark failed: ${error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exit(isExpected ? 2 : 1);
});
