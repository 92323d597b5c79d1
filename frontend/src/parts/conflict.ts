import { store } from "../commands/app";
import type { Choice, Conflict } from "../store/types";
import { t } from "../texts";
import { m } from "../texts/more";
import { shortMoment, type MomentLike } from "./when";

function shown(field: string | null, value: unknown): string {
  if (value === null || value === undefined || value === "") return m().nothingThere;
  if (field === "due" || field === "start") return shortMoment(value as MomentLike, store().today.value);
  if (field === "priority") return t().priority(Number(value));
  if (field === "list_id") return store().get("list", String(value)).value?.name ?? t().list;
  if (typeof value === "string") return `“${value}”`;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return m().anotherValue;
}

export function conflictText(conflict: Conflict): string {
  const { kind, name, field, mine, theirs, message } = conflict;
  const what = m().fieldNames[field as keyof ReturnType<typeof m>["fieldNames"]] ?? field ?? "";
  switch (kind) {
    case "same_text":
      return m().conflictSameText(name, what, shown(field, mine), shown(field, theirs));
    case "replaced":
      return m().conflictReplaced(what, shown(field, theirs));
    case "trashed_elsewhere":
      return m().conflictTrashed(name);
    case "gone":
      return m().conflictGone(name);
    case "moved_to":
      return m().conflictMoved(name);
    case "refused":
      return m().conflictRefused(name, message ?? "");
  }
}

export function choiceText(choice: Choice): string {
  return m().choices[choice];
}
