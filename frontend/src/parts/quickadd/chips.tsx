import { store } from "../../commands/app";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { Bars, Icon, type IconName } from "../icons";
import { duration, ruleText } from "../dates/texts";
import { shortDate } from "../when";
import type { Span, Understood } from "./understand";

const icons: Partial<Record<Span["kind"], IconName>> = {
  list: "list",
  section: "section",
  label: "label",
  date: "calendar",
  time: "clock",
  duration: "duration",
  recurrence: "repeat",
};

function textOf(span: Span): string {
  const value = String(span.value);
  switch (span.kind) {
    case "list":
      return store().get("list", value).value?.name ?? value;
    case "section":
      return store().get("section", value).value?.name ?? value;
    case "label":
      return `@${value}`;
    case "priority":
      return t().priority(Number(value));
    case "date":
      return shortDate(value, store().today.value);
    case "duration":
      return duration(Number(value));
    case "recurrence":
      return ruleText(value);
    default:
      return value;
  }
}

/** What was understood. Pressing a chip escapes its token, which then stays in the title. */
export function Chips({ understood, onEscape }: { understood: Understood | null; onEscape: (at: number) => void }) {
  const spans = understood?.spans.filter((span) => span.kind !== "escape") ?? [];
  if (spans.length === 0) return null;
  return (
    <ul class="chips" aria-label={m().understood}>
      {spans.map((span) => {
        const icon = icons[span.kind];
        return (
          <li key={span.start}>
            <button type="button" class="chip" aria-label={m().keepAsText(textOf(span))} onClick={() => onEscape(span.start)}>
              {span.kind === "priority" ? <Bars priority={Number(span.value)} /> : icon && <Icon name={icon} size={16} />}
              <bdi>{textOf(span)}</bdi>
              <Icon name="close" size={14} />
            </button>
          </li>
        );
      })}
    </ul>
  );
}
