/** The line above the worklist: project (on a phone), status, count, freshness, text to find. */
import type { ReactElement } from "react";
import { FreshnessBadge } from "tidemark/react";
import type { Query } from "tidemark/client";
import { formatCount } from "../../ui/format.ts";
import type { Project, Result } from "./client.ts";
import { FILTERS, type Filter, type PageState } from "./page-state.ts";
import { statusText } from "./result-columns.ts";
import { isReviewed } from "./worklist-query.ts";

export interface ToolbarProps {
  readonly projects: readonly Project[];
  readonly page: PageState;
  readonly onChange: (change: Partial<PageState>) => void;
  readonly count: number;
  readonly query: Query<Result>;
  /** On a phone the extraction jobs open with a button. */
  readonly hasJobs: boolean;
  readonly onJobs: () => void;
  /** The user is done with the field. */
  readonly onLeave: () => void;
}

export function Toolbar({
  projects,
  page: { project, filter, find },
  onChange,
  count,
  query,
  hasJobs,
  onJobs,
  onLeave,
}: ToolbarProps): ReactElement {
  return (
    <div className="title">
      <div className="phone-line">
        <select
          aria-label="Project"
          value={project ?? ""}
          onChange={({ target }) =>
            onChange({ project: target.value === "" ? undefined : Number(target.value) })
          }
        >
          <option value="">All projects</option>
          {projects.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
        <button type="button" aria-expanded={hasJobs} onClick={onJobs}>
          Jobs
        </button>
      </div>
      <div className="tabs" role="tablist" aria-label="Status">
        {FILTERS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            aria-selected={name === filter}
            onClick={() => onChange({ filter: name })}
          >
            {labelOf(name)}
          </button>
        ))}
      </div>
      <span className="count number">{formatCount(count)}</span>
      <span className="order dim">{orderText(filter)}</span>
      <FreshnessBadge query={query} className="freshness" />
      <span className="spacer" />
      <input
        className="find"
        data-find
        type="search"
        placeholder="Find in values"
        aria-label="Find in values"
        value={find}
        onChange={({ target }) => onChange({ find: target.value })}
        onKeyDown={(event) => {
          if (event.key === "Enter" || (event.key === "Escape" && find === "")) onLeave();
          else if (event.key === "Escape") onChange({ find: "" });
          else return;
          event.preventDefault();
        }}
      />
    </div>
  );
}

function labelOf(filter: Filter): string {
  return filter === "all" ? "all" : statusText(filter);
}

function orderText(filter: Filter): string {
  return isReviewed(filter) ? "newest first" : "lowest confidence first";
}
