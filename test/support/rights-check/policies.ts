/**
 * Policies of every shape, each beside a plain function that says which rows it means. The functions
 * share no code with the server.
 */
import type { Row } from "../../../src/protocol/row.ts";
import type { Policy } from "../../../src/server/policies.ts";

export interface Caller {
  readonly id: string;
  readonly team: string;
  readonly regions: readonly string[];
  readonly role: "admin" | "member" | "guest";
}

/** What the application may change while callers are connected. */
export interface Rights {
  levelOf(caller: Caller): number;
  isBlocked(caller: Caller): boolean;
}

export interface Shape {
  readonly name: string;
  readonly policy: (caller: Caller, rights: Rights) => ReturnType<Policy>;
  readonly sees: (caller: Caller, row: Row, rights: Rights) => boolean;
}

const text = (value: unknown): string | undefined =>
  typeof value === "string" ? value : undefined;
const number = (value: unknown): number | undefined =>
  typeof value === "number" ? value : undefined;
const above = (value: unknown, least: number): boolean => (number(value) ?? -Infinity) > least;
/** What a program in JavaScript may return by mistake. */
const wrong = (value: unknown): ReturnType<Policy> => value as ReturnType<Policy>;

export const SHAPES: readonly Shape[] = [
  {
    name: "by role",
    policy: ({ role, team }) =>
      role === "admin" ? "all" : role === "guest" ? "none" : { column: "team", eq: team },
    sees: ({ role, team }, row) => role === "admin" || (role !== "guest" && row["team"] === team),
  },
  {
    name: "another value, which is not null",
    policy: ({ team }) => ({ column: "team", ne: team }),
    sees: ({ team }, row) => (text(row["team"]) ?? team) !== team,
  },
  {
    name: "own rows up to a level that may change",
    policy: (caller, rights) => ({
      and: [
        { column: "team", eq: caller.team },
        { column: "level", lte: rights.levelOf(caller) },
      ],
    }),
    sees: (caller, row, rights) =>
      row["team"] === caller.team && (number(row["level"]) ?? Infinity) <= rights.levelOf(caller),
  },
  {
    name: "own or public",
    policy: ({ id }) => ({
      or: [
        { column: "owner", eq: id },
        { column: "isPublic", eq: true },
      ],
    }),
    sees: ({ id }, row) => row["owner"] === id || row["isPublic"] === true,
  },
  {
    name: "not public, where that is known",
    policy: () => ({ not: { column: "isPublic", eq: true } }),
    sees: (_caller, row) => row["isPublic"] === false,
  },
  {
    name: "in a list, which may be empty",
    policy: ({ regions }) => ({ column: "region", in: regions }),
    sees: ({ regions }, row) => regions.includes(text(row["region"]) ?? "nowhere"),
  },
  {
    name: "in none of a list",
    policy: ({ regions }) => ({ not: { column: "region", in: regions } }),
    sees: ({ regions }, row) =>
      regions.length === 0 ||
      (text(row["region"]) !== undefined && !regions.includes(String(row["region"]))),
  },
  {
    name: "between two values",
    policy: (caller, rights) => ({ column: "level", between: [2, rights.levelOf(caller)] }),
    sees: (caller, row, rights) =>
      above(row["level"], 1) && Number(row["level"]) <= rights.levelOf(caller),
  },
  {
    name: "a pattern with a case",
    policy: ({ id }) => ({ column: "owner", like: `${id.slice(0, 1)}%` }),
    sees: ({ id }, row) => text(row["owner"])?.startsWith(id.slice(0, 1)) === true,
  },
  {
    name: "a regex",
    policy: ({ id }) => ({ column: "owner", regex: `^(${id}|shared-[0-9]+)$` }),
    sees: ({ id }, row) =>
      row["owner"] === id || text(row["owner"])?.startsWith("shared-") === true,
  },
  {
    name: "without an owner",
    policy: () => ({ column: "owner", isNull: true }),
    sees: (_caller, row) => (row["owner"] ?? null) === null,
  },
  {
    name: "groups in groups",
    policy: ({ id, regions, team }, _rights) => ({
      or: [
        { and: [{ column: "team", eq: team }, { not: { column: "region", in: ["north"] } }] },
        {
          and: [
            { column: "region", in: regions },
            { column: "level", gt: 4 },
          ],
        },
        { and: [{ column: "owner", eq: id }, { or: [] }] },
      ],
    }),
    sees: ({ regions, team }, row) =>
      (row["team"] === team && (text(row["region"]) ?? "north") !== "north") ||
      (regions.includes(text(row["region"]) ?? "nowhere") && above(row["level"], 4)),
  },
  {
    name: "nobody who is blocked",
    policy: (caller, rights) =>
      rights.isBlocked(caller) ? "none" : { column: "team", eq: caller.team },
    sees: (caller, row, rights) => !rights.isBlocked(caller) && row["team"] === caller.team,
  },
  {
    name: "a policy that fails for some",
    policy: ({ role }) => {
      if (role === "guest") throw new Error("no such guest");
      return role === "admin" ? "all" : wrong(undefined);
    },
    sees: ({ role }) => role === "admin",
  },
  {
    name: "a policy that returns something else",
    policy: ({ role }) =>
      wrong(
        { admin: Promise.resolve("all"), member: true, guest: { column: "team", eq: undefined } }[
          role
        ],
      ),
    sees: () => false,
  },
];
