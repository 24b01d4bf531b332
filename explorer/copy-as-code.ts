/** Copies a query as code, which is loaded when someone points at the button or presses it. */
import type { Query } from "../src/client/index.ts";
import { copyText } from "./copy-text.ts";

export const loadCode = (): Promise<typeof import("./as-code.ts")> => import("./as-code.ts");

export async function copyAsCode(query: Query): Promise<void> {
  await copyText((await loadCode()).asCode(query));
}
