/** Lays unsent changes on top of a resource of the copy. Pure. */
import type { Effect, Entry, Fields, Resource } from "./entries";

export interface Overlay {
  entry: Entry;
  effect: Effect;
}

/** Returns the resource as shown: undefined if it is deleted, the copy's object if it is unchanged. */
export function lay(copy: Resource | undefined, overlays: readonly Overlay[]): Resource | undefined {
  let shown = copy;
  for (const [i, { effect }] of overlays.entries()) {
    if (effect.gone) shown = undefined;
    // A copy of it, where there is one, is newer than what it was like when it was removed.
    else if (effect.made && !shown) shown = copy ? withoutGone(copy, overlays.slice(0, i)) : effect.made;
    else if (shown) shown = changed(shown, effect);
  }
  if (!shown) return undefined;
  const unsent = overlays.some(({ entry }) => entry.state !== "acked");
  if ((shown as unknown as Fields).unsent === unsent) return shown;
  return { ...shown, unsent } as unknown as Resource;
}

function withoutGone(copy: Resource, overlays: readonly Overlay[]): Resource | undefined {
  return lay(
    copy,
    overlays.filter(({ effect }) => !effect.gone),
  );
}

/** The labels of a task after some are added and removed. */
export function labelsAfter(ids: readonly string[], add: string[], remove: string[]): string[] {
  const kept = ids.filter((id) => !remove.includes(id));
  return [...kept, ...add.filter((id) => !kept.includes(id))];
}

/** A JSON object after a merge patch of its members. */
export function merged(object: Fields, patch: Fields): Fields {
  const result = { ...object, ...patch };
  for (const key of Object.keys(patch)) if (patch[key] === null) delete result[key];
  return result;
}

function changed(resource: Resource, effect: Effect): Resource {
  const result = { ...resource, ...effect.set } as Resource & Fields;
  if (effect.labels) {
    const { add, remove } = effect.labels;
    result.label_ids = labelsAfter((resource as unknown as Fields).label_ids as string[], add, remove);
  }
  if (effect.metadata) {
    result.metadata = merged((resource as unknown as Fields).metadata as Fields, effect.metadata);
  }
  return result;
}
