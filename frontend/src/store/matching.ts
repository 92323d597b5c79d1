/** Which tasks a search or a filter finds. */
import { searcher } from "../rules/search";
import type { Model } from "./model";
import type { Matcher } from "./queries";
import type { ViewQuery } from "./types";

export function matcherOf(
  query: Extract<ViewQuery, { show: "filter" | "search" }>,
  _model: Model,
  _around: { zone: string; now: Date },
): Matcher {
  if (query.show === "search") return { matches: searcher(query.text), mistake: null };
  return { matches: () => false, mistake: null };
}
