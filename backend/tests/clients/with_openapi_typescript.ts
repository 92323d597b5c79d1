// A client made with openapi-typescript, without flags, and openapi-fetch.
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/schema";
import { whatToDo } from "./codes";

type Schemas = components["schemas"];

export async function useIt(baseUrl: string, email: string, password: string): Promise<string[]> {
  const client = createClient<paths>({ baseUrl });

  const registered = await client.POST("/api/v1/auth/register", { body: { email, password } });
  if (registered.error) throw new Error(explain(registered.error));
  const headers = { Authorization: `Bearer ${registered.data.access_token}` };

  // Whatever has a default may be left out of a request, and is there in a response.
  const body: Schemas["TaskCreate"] = { title: "Buy milk" };
  const created = await client.POST("/api/v1/tasks", { body, headers });
  if (created.error) throw new Error(explain(created.error));
  const isCompleted: boolean = created.data.is_completed;
  const version: number = created.data.version;

  const page = await client.GET("/api/v1/tasks", {
    params: { query: { is_completed: isCompleted, sort: "-created_at" } },
    headers,
  });
  const items: Schemas["TaskPage"]["items"] = page.data?.items ?? [];

  const patched = await client.PATCH("/api/v1/tasks/{task_id}", {
    params: { path: { task_id: created.data.id }, header: { "If-Match": `"${version}"` } },
    body: { description: "Two litres" },
    headers,
  });
  if (patched.error) throw new Error(explain(patched.error));

  const titles = new Map(items.map((task) => [task.id, task.title]));
  let token: string | undefined;
  async function pull(): Promise<void> {
    for (let hasMore = true; hasMore; ) {
      const synced = await client.GET("/api/v1/sync", { params: { query: { token } }, headers });
      if (synced.error) throw new Error(explain(synced.error));
      // openapi-fetch 0.17 drops a field that is always null, such as a deletion's data.
      for (const change of synced.data.changes as Schemas["Change"][]) apply(titles, change);
      ({ token, has_more: hasMore } = synced.data);
    }
  }
  await pull();

  const bread = crypto.randomUUID();
  const batch: Schemas["Batch"] = {
    operations: [
      { op: "create", type: "task", data: { id: bread, title: "Buy bread" } },
      { op: "complete", type: "task", id: bread },
      { op: "delete", type: "task", id: created.data.id, if_match: patched.data.version },
      { op: "create", type: "label", data: { name: "errand" } },
    ],
  };
  const applied = await client.POST("/api/v1/batch", { body: batch, headers });
  if (applied.error) throw new Error(explain(applied.error));

  await pull();

  const refused = await client.POST("/api/v1/tasks", { body: { title: "" }, headers });
  const field = refused.error?.error.details.fields?.[0];
  return [...titles.values(), `${field?.path} ${field?.type}`];
}

function apply(titles: Map<string, string>, change: Schemas["Change"]): void {
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
export const careless = (change: Schemas["Change"]): string => change.type === "task" ? change.data.title : "";

// @ts-expect-error: the title is required
export const untitled: Schemas["TaskCreate"] = { description: "Two litres" };

// @ts-expect-error: codes are an enumeration
export const unknown: Schemas["ErrorCode"] = "OUT_OF_MILK";

// @ts-expect-error: a response holds every field
export const partial: Schemas["TaskPage"] = { items: [] };

// @ts-expect-error: the paths that repeat others under a user are left out
export type Alias = paths["/api/v1/users/{user_id}/tasks"];

function explain({ error }: Schemas["ErrorEnvelope"]): string {
  const fields = error.details.fields ?? [];
  return `${whatToDo(error.code)}: ${fields.map(({ path, message }) => `${path} ${message}`)}`;
}
