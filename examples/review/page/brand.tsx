/** The page's name, the reviewer's name, and a link that opens the same page as somebody else. */
import type { ReactElement } from "react";
import { ThemeButton } from "../../ui/theme-button.tsx";
import { anotherName, me } from "./client.ts";
import { addressOf, type PageState } from "./page-state.ts";
import type { Present } from "./use-presence.ts";

export function Brand({
  page,
  others,
}: {
  readonly page: PageState;
  readonly others: readonly Present[];
}): ReactElement {
  const other = anotherName([me.name, ...others.map(({ name }) => name)]);
  return (
    <>
      <div className="brand">
        <span className="mark" aria-hidden="true" />
        Review
        <ThemeButton />
      </div>
      <p className="who">
        <span>
          You are <strong>{me.name}</strong>
        </span>
        <a
          href={addressOf(page, `?as=${encodeURIComponent(other)}`)}
          target="_blank"
          rel="noopener"
          title={`Open this page in another tab as ${other}`}
        >
          Open as a second person
        </a>
      </p>
    </>
  );
}
