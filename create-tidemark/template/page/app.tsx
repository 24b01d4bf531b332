import { FreshnessBadge, useLiveMutation } from "tidemark/react";
import { client, TidemarkProvider, useLiveQuery } from "./client.ts";

const TASKS = { channel: "tasks", orderBy: [{ column: "id", direction: "asc" }] } as const;

function Tasks() {
  const { rows, status } = useLiveQuery(TASKS);
  const { mutate, error } = useLiveMutation(client.mutate.tasks.save);
  const add = (form: FormData): void => {
    const title = String(form.get("title")).trim();
    if (title !== "") mutate({ id: String(Date.now()), title, isDone: false });
  };
  const isEmpty = rows.length === 0 && status === "live";
  return (
    <main>
      <header>
        <h1>Tasks</h1>
        <span className="count">
          {rows.filter(({ isDone }) => isDone).length} of {rows.length} done
        </span>
      </header>
      <ul>
        {rows.map((task) => (
          <li key={task.id}>
            <label>
              <input
                type="checkbox"
                checked={task.isDone}
                onChange={() => mutate({ ...task, isDone: !task.isDone })}
              />
              <span>{task.title}</span>
            </label>
          </li>
        ))}
        {isEmpty && <li className="empty">There are no tasks. Add the first one below.</li>}
      </ul>
      <form action={add}>
        <input name="title" aria-label="New task" placeholder="New task" maxLength={200} />
        <button>Add</button>
      </form>
      {error !== undefined && <p role="alert">{error.message}</p>}
      <footer>
        <FreshnessBadge query={TASKS} />
      </footer>
    </main>
  );
}

export const App = () => (
  <TidemarkProvider client={client}>
    <Tasks />
  </TidemarkProvider>
);
