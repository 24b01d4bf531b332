/** Projects with their counts, and the jobs of the chosen one. */
import { useMemo, type ReactElement } from "react";
import { formatCount } from "../../ui/format.ts";
import type { Job, Project, Status } from "./client.ts";
import { useLiveQuery } from "./hooks.ts";

export type Tally = Readonly<Record<Status, number>>;

const NONE: Tally = { pending: 0, accepted: 0, rejected: 0 };

/** The results of each project by status, as the server counts them. */
export function useTallies(): ReadonlyMap<number, Tally> {
  const { rows } = useLiveQuery({ channel: "tallies" });
  return useMemo(() => {
    const tallies = new Map<number, Record<Status, number>>();
    for (const { project_id, status, results } of rows) {
      const tally = tallies.get(project_id) ?? { ...NONE };
      tally[status] = results;
      tallies.set(project_id, tally);
    }
    return tallies;
  }, [rows]);
}

export interface ProjectsProps {
  readonly projects: readonly Project[];
  readonly tallies: ReadonlyMap<number, Tally>;
  readonly selected: number | undefined;
  readonly onSelect: (id: number | undefined) => void;
  readonly onStart: (projectId: number) => void;
  /** On a phone only the jobs are shown, and only when they are open. */
  readonly hasJobs: boolean;
}

export function Projects({
  projects,
  tallies,
  selected,
  onSelect,
  onStart,
  hasJobs,
}: ProjectsProps): ReactElement {
  const all = [...tallies.values()].reduce(
    (sum, tally) => ({
      pending: sum.pending + tally.pending,
      accepted: sum.accepted + tally.accepted,
      rejected: sum.rejected + tally.rejected,
    }),
    NONE,
  );
  return (
    <nav className="projects" aria-label="Projects" data-jobs={hasJobs}>
      <ul className="project-list">
        <li>
          <ProjectButton
            name="All projects"
            detail={`${projects.length} projects`}
            tally={all}
            isCurrent={selected === undefined}
            onPress={() => onSelect(undefined)}
          />
        </li>
        {projects.map(({ id, name, client: owner, due }) => (
          <li key={id}>
            <ProjectButton
              name={name}
              detail={`${owner}, due ${due}`}
              tally={tallies.get(id) ?? NONE}
              isCurrent={id === selected}
              onPress={() => onSelect(id)}
            />
          </li>
        ))}
      </ul>
      <Jobs
        project={selected ?? projects[0]?.id}
        name={projects.find(({ id }) => id === (selected ?? projects[0]?.id))?.name}
        onStart={onStart}
      />
    </nav>
  );
}

function ProjectButton({
  name,
  detail,
  tally,
  isCurrent,
  onPress,
}: {
  readonly name: string;
  readonly detail: string;
  readonly tally: Tally;
  readonly isCurrent: boolean;
  readonly onPress: () => void;
}): ReactElement {
  const total = Math.max(1, tally.pending + tally.accepted + tally.rejected);
  return (
    <button
      type="button"
      className="project"
      aria-current={isCurrent ? "page" : undefined}
      onClick={onPress}
    >
      <span className="name">{name}</span>
      <span className="number pending" title="Results to review">
        {formatCount(tally.pending)}
      </span>
      <span className="dim about">{detail}</span>
      <span
        className="bar"
        role="img"
        aria-label={`${tally.accepted} accepted, ${tally.rejected} rejected, ${tally.pending} to review`}
      >
        <span data-status="accepted" style={{ width: `${(tally.accepted / total) * 100}%` }} />
        <span data-status="rejected" style={{ width: `${(tally.rejected / total) * 100}%` }} />
      </span>
    </button>
  );
}

function Jobs({
  project,
  name,
  onStart,
}: {
  readonly project: number | undefined;
  readonly name: string | undefined;
  readonly onStart: (projectId: number) => void;
}): ReactElement {
  const { rows, isPending } = useLiveQuery({
    channel: "extraction_jobs",
    orderBy: [{ column: "created_at", direction: "desc" }],
    limit: 40,
  });
  const own = rows.filter(({ project_id }) => project_id === project);
  return (
    <section className="jobs" aria-label="Extraction jobs">
      <header>
        <h2>Extraction jobs{name !== undefined && <span className="dim"> {name}</span>}</h2>
        <button
          type="button"
          disabled={project === undefined}
          onClick={() => project !== undefined && onStart(project)}
        >
          Start extraction
        </button>
      </header>
      <ul>
        {own.map((job) => (
          <JobRow key={job.id} job={job} isPending={isPending(job.id)} />
        ))}
      </ul>
    </section>
  );
}

function JobRow({
  job: { file_name, status, pages, pages_done },
  isPending,
}: {
  readonly job: Job;
  readonly isPending: boolean;
}): ReactElement {
  const isUnderWay = status !== "done";
  return (
    <li className="job" data-pending={isPending}>
      <span className="mono name">{file_name}</span>
      <span className="number dim">
        {isUnderWay ? `${pages_done} of ${pages} documents` : `${pages} documents`}
      </span>
      <span
        className="bar"
        role="img"
        aria-label={`${status}, ${pages_done} of ${pages} documents`}
      >
        <span
          data-status={isUnderWay ? "running" : "accepted"}
          style={{ width: `${(pages_done / pages) * 100}%` }}
        />
      </span>
    </li>
  );
}
