/** Notes that make an act reversible. */
import type { Draft } from "./commands";
import type { Entry, Resource } from "./entries";
import type { Model } from "./model";
import { placeOf } from "./places";
import type { Place } from "./types";

/** An entry with what it takes to undo it, noted before it was applied. */
export interface Step {
  entry: Entry;
  /** The resources that it removes or changes, as they were. */
  before: Resource[];
  place: (Place & { or: Place }) | null;
}

export function note(model: Model, entry: Draft): Omit<Step, "entry"> {
  const before = entry.effects
    .map((effect) => model.shown[effect.type].get(effect.id))
    .filter((resource) => resource !== undefined);
  const resource = entry.op === "move" ? model.shown[entry.type].get(entry.id) : undefined;
  return { before, place: resource ? placeOf(model, entry.type, resource) : null };
}
