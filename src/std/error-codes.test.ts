/**
 * The table of errors, and the page that is generated from it. `npx vitest run
 * src/std/error-codes.test.ts -u` writes the page.
 */
import { describe, expect, it } from "vitest";
import { ERROR_CODES, errorEntryOf, type ErrorCode, type ErrorCodeEntry } from "./error-codes.ts";
import { TidemarkError } from "./errors.ts";

const entries = Object.entries<ErrorCodeEntry>(ERROR_CODES) as [ErrorCode, ErrorCodeEntry][];

function page(): string {
  const rows = entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, { meaning, action, retryable, status }]) =>
        `| \`${code}\` | ${meaning} | ${action} | ${retryable ? "yes" : "no"} | ${status} |`,
    );
  return `# Errors

Every error has a \`code\`, a message for people, and \`retryable\`: whether the same call may succeed later. The meaning of a code never changes. \`TidemarkError.code\`, ERROR frames and the JSON of HTTP answers have the same codes; the last column is the status of the HTTP answer. The package exports this table as \`ERROR_CODES\`. A mutation may refuse with codes of the application (\`MutationError\`); over HTTP such an answer has the status 400.

| code | what happened | what to do | retryable | HTTP |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`;
}

describe("the table of errors", () => {
  it("is the page docs/errors.md", async () => {
    await expect(page()).toMatchFileSnapshot("../../docs/errors.md");
  });

  it("decides which errors are retryable", () => {
    for (const [code, { retryable }] of entries)
      expect(new TidemarkError(code, "").retryable, code).toBe(retryable);
  });

  it("has sentences, and statuses of errors", () => {
    for (const [code, { meaning, action, status }] of entries) {
      expect(meaning, code).toMatch(/^[A-Za-z].*\.$/);
      expect(action, code).toMatch(/^[A-Z].*\.$/);
      expect(status, code).toBeGreaterThanOrEqual(400);
      expect(status, code).toBeLessThan(600);
    }
  });

  it("has no code for names that every object inherits", () => {
    expect(errorEntryOf("constructor")).toBeUndefined();
  });
});
