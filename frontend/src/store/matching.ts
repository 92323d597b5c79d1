/** Which tasks a search or a filter finds. */
import type { Model } from "./model";
import type { Matcher } from "./queries";
import type { Label, List, Section, ViewQuery } from "./types";

// Both are chunks of their own: few people start with a search.
let search: typeof import("../rules/search") | null = null;
let filters: typeof import("../rules/filter") | null = null;

const NONE: Matcher = { matches: () => false, mistake: null };

/** `onReady` runs when the code has arrived that is missing for a result. */
export function matcherOf(
  query: Extract<ViewQuery, { show: "filter" | "search" }>,
  model: Model,
  day: { zone: string; today: string },
  onReady: () => void,
): Matcher {
  if (query.show === "search") {
    if (search) return { matches: search.searcher(query.text), mistake: null };
    void import("../rules/search").then((loaded) => {
      search = loaded;
      onReady();
    });
    return NONE;
  }
  if (!filters) {
    void import("../rules/filter").then((loaded) => {
      filters = loaded;
      onReady();
    });
    return NONE;
  }
  const { conditionOf, FilterMistake, parseFilter } = filters;
  const { list, section, label } = model.shown;
  const context = {
    today: day.today,
    timezone: day.zone,
    lists: [...list.values()] as List[],
    sections: [...section.values()] as Section[],
    labels: [...label.values()] as Label[],
  };
  try {
    return { matches: conditionOf(parseFilter(query.query), context), mistake: null };
  } catch (error) {
    if (!(error instanceof FilterMistake)) throw error;
    return { matches: () => false, mistake: { position: error.position, message: error.expected } };
  }
}
