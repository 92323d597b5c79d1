/** Vikunja's export: a zip with data.json, which holds the projects and their tasks. */
import { localTime } from "../../rules/dates";
import { planFor, type Known, type Plan } from "./plan";
import { readZip } from "./zip";

interface Project {
  title: string;
  tasks?: VikunjaTask[] | null;
  child_projects?: Project[] | null;
}
interface VikunjaTask {
  id: number;
  title: string;
  description?: string;
  done?: boolean;
  done_at?: string;
  due_date?: string;
  start_date?: string;
  priority?: number;
  repeat_after?: number;
  repeat_mode?: number;
  labels?: { title: string }[] | null;
  related_tasks?: { subtask?: { id: number }[] | null; parenttask?: { id: number }[] | null } | null;
}

const DAY = 86_400;

/** Vikunja writes the year 1 for "no date". */
function moment(text: string | undefined, zone: string) {
  if (!text || text.startsWith("0001")) return null;
  const local = localTime(text, zone);
  const time = local.slice(11);
  return { date: local.slice(0, 10), time: time === "00:00" ? null : time, timezone: null };
}

function ruleOf({ repeat_after = 0, repeat_mode = 0 }: VikunjaTask): { rule: string; anchor: "due" | "completion" } | null {
  if (repeat_mode === 1) return { rule: "FREQ=MONTHLY", anchor: "due" };
  if (repeat_after <= 0 || repeat_after % DAY !== 0) return null;
  const days = repeat_after / DAY;
  const anchor = repeat_mode === 2 ? "completion" : "due";
  if (days % 7 === 0) return { rule: `FREQ=WEEKLY${days > 7 ? `;INTERVAL=${days / 7}` : ""}`, anchor };
  return { rule: `FREQ=DAILY${days > 1 ? `;INTERVAL=${days}` : ""}`, anchor };
}

/** Vikunja stores notes as HTML; their text is kept. */
function textOf(html: string | undefined): string | null {
  if (!html) return null;
  const text = html.replace(/<(br|\/p|\/li|\/h\d)[^>]*>/gi, "\n").replace(/<[^>]+>/g, "");
  const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", nbsp: " " };
  return text.replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (_all, name: string) => named[name]!).replace(/\n{3,}/g, "\n\n").trim() || null;
}

export async function readVikunja(content: Uint8Array<ArrayBuffer>, known: Known, zone: string): Promise<Plan> {
  const file = (await readZip(content)).get("data.json");
  if (!file) throw new Error("not_vikunja");
  const projects = JSON.parse(new TextDecoder().decode(await file())) as Project[];
  const build = planFor(content, known);
  const visit = (project: Project, place: string): void => {
    const tasks = project.tasks ?? [];
    const list = build.list(place, project.title || "Vikunja");
    const byId = new Map(tasks.map((task) => [task.id, task]));
    const made = new Map<number, string>();
    const add = (task: VikunjaTask): string => {
      const known = made.get(task.id);
      if (known) return known;
      const above = task.related_tasks?.parenttask?.map(({ id }) => byId.get(id)).find((found) => found !== undefined);
      // A circle of parents would never end; its task begins a tree of its own.
      made.set(task.id, "");
      const parent = above && made.get(above.id) !== "" ? add(above) : null;
      const labels: string[] = [];
      for (const { title } of task.labels ?? []) labels.push(build.label(title));
      const due = moment(task.due_date, zone);
      const rule = ruleOf(task);
      if (rule && !due) build.problem(task.id, "repeat", task.title);
      if (!rule && task.repeat_after) build.problem(task.id, "repeat", task.title);
      const priority = task.priority ?? 0;
      const id = build.task(String(task.id), {
        title: task.title || "–",
        description: textOf(task.description),
        ...(parent ? { parent_id: parent } : { list_id: list }),
        // 5 "do now" and 4 "urgent" are our first; 3, 2 and 1 follow.
        priority: priority >= 4 ? 1 : priority > 0 ? 5 - priority : null,
        ...(labels.length > 0 ? { label_ids: [...new Set(labels)] } : {}),
        ...(due ? { due } : {}),
        ...(moment(task.start_date, zone) ? { start: moment(task.start_date, zone) } : {}),
        ...(rule && due && !task.done ? { recurrence: rule as never } : {}),
        ...(task.done ? { is_completed: true, ...(task.done_at && !task.done_at.startsWith("0001") ? { completed_at: task.done_at } : {}) } : {}),
      });
      made.set(task.id, id);
      return id;
    };
    for (const task of tasks) add(task);
    for (const [index, child] of (project.child_projects ?? []).entries()) visit(child, `${place}.${index}`);
  };
  for (const [index, project] of projects.entries()) visit(project, String(index));
  return build.plan;
}
