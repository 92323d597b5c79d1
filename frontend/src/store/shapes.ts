/** Resources as the server would make them, and dates in their full form. */
import type { Fields, Resource } from "./entries";
import type { Kind, Task } from "./types";

const DEFAULTS: Record<Kind, Fields> = {
  task: {
    description: null,
    is_completed: false,
    completed_at: null,
    trashed_at: null,
    list_id: null,
    section_id: null,
    parent_id: null,
    priority: null,
    start: null,
    due: null,
    duration_minutes: null,
    recurrence: null,
    occurrence_of: null,
    occurrence: null,
    label_ids: [],
    metadata: {},
  },
  list: { color: null, is_archived: false, metadata: {}, trashed_at: null },
  section: {},
  label: { color: null },
  filter: { color: null },
};

/** A new resource as it is shown until the server has sent it. */
export function made(type: Kind, given: Fields, now: Date): Resource & { position: string } {
  const at = now.toISOString();
  const fields: Fields = { ...DEFAULTS[type], ...given };
  for (const field of ["title", "name"]) {
    if (field in fields) fields[field] = String(fields[field]).trim();
  }
  for (const field of ["due", "start"]) {
    if (fields[field]) fields[field] = moment(fields[field], null);
  }
  if (fields.recurrence) {
    fields.recurrence = recurrenceShown(fields.recurrence as Fields, null, fields.due as Task["due"]);
  }
  if (fields.completed_at) fields.is_completed = true;
  if (fields.is_completed) fields.completed_at ??= at;
  return { ...fields, created_at: at, updated_at: at, version: 0 } as unknown as Resource;
}

/** A whole moment: a patch of one that is there is merged into it, as the server does. */
export function moment(value: unknown, before: unknown): Task["due"] {
  if (value === null || value === undefined) return null;
  const patch = value as Fields;
  const whole: Fields = { time: null, timezone: null, ...(before as Fields | null), ...patch };
  if (whole.time === null) whole.timezone = null;
  const { date, time, timezone } = whole;
  return { date, time, timezone } as Task["due"];
}

/** A recurrence as it is shown after it has been set: another rule starts at the due date. */
export function recurrenceShown(
  value: Fields | null,
  before: Task["recurrence"],
  due: Task["due"],
): Task["recurrence"] {
  if (!value) return null;
  const rule = String(value.rule ?? before?.rule);
  const anchor = (value.anchor ?? before?.anchor ?? "due") as "due" | "completion";
  const date = due?.date ?? before?.occurrence ?? "";
  if (before && rule === before.rule && (value.from ?? before.from) === before.from) {
    return { ...before, anchor };
  }
  const count = /COUNT=(\d+)/i.exec(rule);
  const from = String(value.from ?? date);
  return { rule, anchor, from, occurrence: date, remaining: count ? Number(count[1]) : null };
}

/** What is sent for a recurrence: without what only the server may say. */
export function recurrenceSent(value: unknown): Fields | null {
  if (!value) return null;
  const { rule, anchor, from } = value as Fields;
  return from === undefined ? { rule, anchor } : { rule, anchor, from };
}
