/**
 * Turns a client's texts into checked commands. Commands of other dialects must have the shapes
 * of the protocol.
 */
import { TidemarkError } from "../../std/errors.ts";
import { checkUp } from "../../protocol/parse-up.ts";
import type { DialectCommand } from "../turn/dialect.ts";
import type { Peer, Said } from "../turn/session.ts";
import { JSON_DIALECT } from "./json-dialect.ts";

/** @throws TidemarkError `BAD_MESSAGE`, and the dialect's errors */
export function commandsOf(
  { connection, dialect }: Peer,
  said: Said,
  commandsMax: number,
): readonly DialectCommand[] {
  if (typeof said === "string" && connection.receive === undefined)
    throw new TidemarkError(
      "BAD_MESSAGE",
      `Clients of the dialect "${dialect.name}" must not send.`,
    );
  const commands = typeof said === "string" ? (connection.receive?.(said) ?? []) : said;
  if (dialect === JSON_DIALECT) return commands;
  if (!Array.isArray(commands) || commands.length > commandsMax)
    throw new TidemarkError("BAD_MESSAGE", `One text may contain at most ${commandsMax} commands.`);
  return commands.map(checked);
}

function checked(command: DialectCommand): DialectCommand {
  if (command?.op === "UNSUBSCRIBE" && "queries" in command && Array.isArray(command.queries))
    return { op: "UNSUBSCRIBE", queries: command.queries };
  if (command?.op === "ANSWER" && typeof command.text === "string")
    return { op: "ANSWER", text: command.text };
  return checkUp(command);
}
