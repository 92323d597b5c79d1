/** Merges an unsent edit into a resource that was changed elsewhere meanwhile. Pure. */
import type { Fields } from "./entries";
import { same } from "./entries";

/** A field that both have changed, to different values. Ours is sent. */
export interface Clash {
  field: string;
  mine: unknown;
  theirs: unknown;
}

export interface Merged {
  /** What is still to be sent. */
  data: Fields;
  /** Texts: the person decides. */
  texts: Clash[];
  /** Small fields, where ours replaces theirs. */
  replaced: Clash[];
}

const TEXTS = new Set(["title", "description"]);

/** Merges the edit `mine`, made when the fields were `base`, into a resource that is now `theirs`. */
export function merge(base: Fields, mine: Fields, theirs: Fields): Merged {
  const result: Merged = { data: {}, texts: [], replaced: [] };
  for (const [field, value] of Object.entries(mine)) {
    if (field === "label_ids") Object.assign(result.data, labelChange(base, mine, theirs));
    else if (field === "metadata") Object.assign(result.data, metadataChange(mine, theirs));
    else if (!same(seen(field, theirs), seen(field, mine))) {
      result.data[field] = value;
      if (same(seen(field, theirs), seen(field, base))) continue;
      const clash = { field, mine: value, theirs: theirs[field] };
      (TEXTS.has(field) ? result.texts : result.replaced).push(clash);
    }
  }
  return result;
}

/** Our additions and removals, as far as they are still to be made. */
function labelChange(base: Fields, mine: Fields, theirs: Fields): Fields {
  const [old, ids, now] = [base, mine, theirs].map((of) => (of.label_ids ?? []) as string[]);
  const add = ids!.filter((id) => !old!.includes(id) && !now!.includes(id));
  const remove = old!.filter((id) => !ids!.includes(id) && now!.includes(id));
  return {
    ...(add.length ? { add_label_ids: add } : {}),
    ...(remove.length ? { remove_label_ids: remove } : {}),
  };
}

/** `metadata` is merged by key: of the same key, ours wins. */
function metadataChange(mine: Fields, theirs: Fields): Fields {
  const now = (theirs.metadata ?? {}) as Fields;
  const patch = Object.entries(mine.metadata as Fields).filter(([key, value]) => !same(value, now[key]));
  return patch.length ? { metadata: Object.fromEntries(patch) } : {};
}

/** A field as a person sees it: of a recurrence, not where it stands. */
function seen(field: string, of: Fields): unknown {
  const value = of[field];
  if (field !== "recurrence" || !value) return value;
  const { rule, anchor = "due" } = value as Fields;
  return { rule, anchor };
}
