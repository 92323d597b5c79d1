/** Which tasks a search or a filter finds. */
import { searcher } from "../rules/search";
import type { Model } from "./model";
import type { Matcher } from "./queries";
import type { Label, List, Section, ViewQuery } from "./types";

/** The language of filters is in a chunk of its own: few people start with a filter. */
let filters: typeof import("../rules/filter") | null = null;

const NONE: Matcher = { matches: () => false, mistake: null };

/** `onReady` runs once what is missing to answer is there, so that this can be asked again. */
export function matcherOf(
  query: Extract<ViewQuery, { show: "filter" | "search" }>,
  model: Model,
  day: { zone: string; today: string },
  onReady: () => void,
): Matcher {
  if (query.show === "search") return { matches: searcher(query.text), mistake: null };
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
