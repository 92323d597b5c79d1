// The same with the functions that @hey-api/openapi-ts makes.
import {
  createTask,
  listTasks,
  register,
  runBatch,
  syncChanges,
  updateTask,
  type Batch,
  type Change,
  type ErrorCode,
  type ErrorEnvelope,
  type TaskCreate,
  type TaskPage,
} from "./generated/sdk";
import { client } from "./generated/sdk/client.gen";
import { whatToDo } from "./codes";

export async function useIt(baseUrl: string, email: string, password: string): Promise<string[]> {
  client.setConfig({ baseUrl });

  const registered = await register({ body: { email, password } });
  if (!registered.data) throw new Error(explain(registered.error));
  client.setConfig({ headers: { Authorization: `Bearer ${registered.data.access_token}` } });

  const body: TaskCreate = { title: "Buy milk" };
  const created = await createTask({ body });
  if (!created.data) throw new Error(explain(created.error));
  const isCompleted: boolean = created.data.is_completed;
  const version: number = created.data.version;

  const page = await listTasks({ query: { is_completed: isCompleted, sort: "-created_at" } });
  const items: TaskPage["items"] = page.data?.items ?? [];

  const patched = await updateTask({
    path: { task_id: created.data.id },
    headers: { "If-Match": `"${version}"` },
    body: { description: "Two litres" },
  });
  if (!patched.data) throw new Error(explain(patched.error));

  const titles = new Map(items.map((task) => [task.id, task.title]));
  let token: string | undefined;
  async function pull(): Promise<void> {
    for (let hasMore = true; hasMore; ) {
      const synced = await syncChanges({ query: { token } });
      if (!synced.data) throw new Error(explain(synced.error));
      for (const change of synced.data.changes) apply(titles, change);
      ({ token, has_more: hasMore } = synced.data);
    }
  }
  await pull();

  const bread = crypto.randomUUID();
  const batch: Batch = {
    operations: [
      { op: "create", type: "task", data: { id: bread, title: "Buy bread" } },
      { op: "complete", type: "task", id: bread },
      { op: "delete", type: "task", id: created.data.id, if_match: patched.data.version },
      { op: "create", type: "label", data: { name: "errand" } },
    ],
  };
  const applied = await runBatch({ body: batch });
  if (!applied.data) throw new Error(explain(applied.error));

  await pull();

  const refused = await createTask({ body: { title: "" } });
  const field = refused.error?.error.details.fields?.[0];
  return [...titles.values(), `${field?.path} ${field?.type}`];
}

function apply(titles: Map<string, string>, change: Change): void {
  if (change.type !== "task") return;
  switch (change.op) {
    case "upsert":
      titles.set(change.id, change.data.title);
      break;
    case "delete":
      change.data satisfies null;
      titles.delete(change.id);
      break;
    default:
      return change satisfies never;
  }
}

// @ts-expect-error: a change has its data only once it is known to be no deletion
export const careless = (change: Change): string => change.type === "task" ? change.data.title : "";

// @ts-expect-error: the title is required
export const untitled: TaskCreate = { description: "Two litres" };

// @ts-expect-error: codes are an enumeration
export const unknown: ErrorCode = "OUT_OF_MILK";

// @ts-expect-error: a response holds every field
export const partial: TaskPage = { items: [] };

// @ts-expect-error: the paths that repeat others under a user are left out
export { createUserTask } from "./generated/sdk";

function explain({ error }: ErrorEnvelope): string {
  const fields = error.details.fields ?? [];
  return `${whatToDo(error.code)}: ${fields.map(({ path, message }) => `${path} ${message}`)}`;
}
