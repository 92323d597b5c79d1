import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { store } from "../../commands/app";
import { updateTasks } from "../../commands/tasks";
import { parseRule, WEEKDAYS, type Frequency, type Rule } from "../../rules/rule";
import { type Anchor, firstDate, nextDates, recurrenceOf, setRule } from "../../rules/recurrence";
import type { Task } from "../../store/types";
import { m } from "../../texts/more";
import { Dialog } from "../dialog";
import { prepareParser, understand } from "../quickadd/understand";
import { formatDate, weekday } from "../when";
import { Ends } from "./ends";
import { endless, withPart } from "./rule-parts";
import { dayName, ruleText } from "./texts";

interface Props {
  ids: readonly string[];
  anchor: Element | null;
  onClose: () => void;
}
const FREQUENCIES = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"] as const;
const SHOWN = 5;

/**
 * In a title, "every second Tuesday" could be one of a month, so quick add leaves it alone. Here the
 * next dates are shown beside it, so it can mean every two weeks.
 */
function plain(words: string): string {
  return words
    .replace(/\bevery (second|2nd)\b/i, "every other")
    .replace(/\bjede[nrs]? (?:zweiten?|2\.) (\p{L}+tag|mittwoch)\b/iu, "alle 2 Wochen am $1");
}

function parsed(text: string): Rule | null {
  try {
    return parseRule(text);
  } catch {
    return null;
  }
}

/** The next dates as the server will have them: of a rule that goes on, COUNT has been used up in part. */
function preview(rule: string, anchor: Anchor, due: string, task: Task | undefined): string[] {
  const former = task ? recurrenceOf(task) : null;
  try {
    return nextDates(setRule({ rule, anchor, due }, former), SHOWN);
  } catch {
    return []; // its end is before its first date
  }
}

export function RepeatPicker({ ids, anchor, onClose }: Props) {
  const task = store().get("task", ids[0]!).peek();
  const today = store().today.peek();
  const from = task?.due?.date ?? today;
  const text = useSignal("");
  const unclear = useSignal(false);
  const rule = useSignal(task?.recurrence?.rule ?? `FREQ=WEEKLY;BYDAY=${WEEKDAYS[weekday(from) - 1]}`);
  const anchored = useSignal<Anchor>(task?.recurrence?.anchor ?? "due");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    void prepareParser();
    if (matchMedia("(pointer: fine)").matches) input.current?.focus();
  }, []);
  const value = parsed(rule.value);
  // "Every second Tuesday" begins with the next one; a rule that the task has already keeps its weeks.
  const isNew = endless(rule.value) !== endless(task?.recurrence?.rule ?? "");
  const first = value && firstDate(isNew ? { ...value, interval: 1 } : value, from);
  const next = first ? preview(rule.value, anchored.value, first, task) : [];
  const frequency = value?.frequency ?? "WEEKLY";

  const typed = (words: string) => {
    text.value = words;
    const found = understand(`x ${plain(words)}`)?.draft.recurrence;
    unclear.value = !found && words.trim() !== "";
    if (!found) return;
    rule.value = found.rule;
    anchored.value = found.anchor;
  };
  // The controls make clear what the words did not.
  const choose = (next: string) => {
    if (unclear.value) text.value = "";
    unclear.value = false;
    rule.value = next;
  };
  const save = () => {
    if (!first || unclear.value) return;
    const recurrence = { rule: rule.value, anchor: anchored.value };
    // A task that recurs needs a due date; the rule's first one serves.
    const due = task?.due && task.due.date === first ? {} : { due: { ...(task?.due ?? { time: null, timezone: null }), date: first } };
    onClose();
    updateTasks(ids, { ...due, recurrence }, m().repeatSet(ruleText(rule.value)));
  };
  return (
    <Dialog label={m().repeat} class="date-picker" anchor={anchor} onClose={onClose}>
      <input
        ref={input}
        class="input"
        aria-label={m().typeRepeat}
        placeholder={m().typeRepeatHint}
        value={text.value}
        autocomplete="off"
        onInput={(event) => typed(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.isComposing) return;
          event.preventDefault();
          save();
        }}
      />
      {unclear.value && <p class="note" aria-live="polite">{m().notARule}</p>}
      <p class="rule-text">{ruleText(rule.value)}</p>
      <div class="rule-row">
        <label for="rule-interval">{m().everyN}</label>
        <input
          id="rule-interval"
          class="input figures"
          type="number"
          min="1"
          max="999"
          value={String(value?.interval ?? 1)}
          onInput={(event) => {
            const n = Math.max(1, Math.min(999, Number(event.currentTarget.value) || 1));
            choose(withPart(rule.value, "INTERVAL", n > 1 ? String(n) : null));
          }}
        />
        <select
          class="input"
          aria-label={m().unit}
          value={frequency}
          onChange={(event) => {
            const unit = event.currentTarget.value as Frequency;
            const n = value?.interval ?? 1;
            rule.value = [`FREQ=${unit}`, ...rule.value.split(";").filter((part) => /^(COUNT|UNTIL)=/.test(part))].join(";");
            if (n > 1) rule.value = withPart(rule.value, "INTERVAL", String(n));
          }}
        >
          {FREQUENCIES.map((unit) => <option key={unit} value={unit}>{m().units[unit]}</option>)}
        </select>
      </div>
      {frequency === "WEEKLY" && (
        <div class="rule-days" role="group" aria-label={m().weekdays}>
          {WEEKDAYS.map((code, index) => {
            const on = value?.byDay.some(([day]) => day === index) ?? false;
            return (
              <button
                key={code}
                type="button"
                class="day-toggle"
                aria-pressed={on}
                title={dayName(index)}
                onClick={() => {
                  const days = WEEKDAYS.filter((_code, at) => (at === index ? !on : value?.byDay.some(([day]) => day === at)));
                  choose(withPart(rule.value, "BYDAY", days.join(",") || null));
                }}
              >
                {dayName(index, "short").slice(0, 2)}
              </button>
            );
          })}
        </div>
      )}
      {frequency === "MONTHLY" && (
        <div class="rule-row">
          <label for="rule-day">{m().onDay}</label>
          <select
            id="rule-day"
            class="input"
            value={value?.byDay.length ? "" : String(value?.byMonthDay[0] ?? Number(from.slice(8)))}
            onChange={(event) => {
              const day = event.currentTarget.value;
              choose(withPart(withPart(withPart(rule.value, "BYDAY", null), "BYSETPOS", null), "BYMONTHDAY", day));
            }}
          >
            {value?.byDay.length ? <option value="">–</option> : null}
            {Array.from({ length: 31 }, (_none, day) => <option key={day} value={String(day + 1)}>{day + 1}</option>)}
            <option value="-1">{m().lastDay}</option>
          </select>
        </div>
      )}
      <Ends rule={rule.value} value={value} from={from} onChange={choose} />
      <fieldset class="rule-anchor">
        <legend class="hidden">{m().countedFrom}</legend>
        {(["due", "completion"] as const).map((kind) => (
          <label key={kind}>
            <input type="radio" name="anchor" checked={anchored.value === kind} onChange={() => (anchored.value = kind)} />
            {m().anchors[kind]}
          </label>
        ))}
      </fieldset>
      <p class={first ? "note next-dates" : "mistake"} aria-live="polite">
        {first ? m().nextDates(next.map((date) => formatDate(date, { day: "numeric", month: "short" })).join(", ")) : m().noDates}
      </p>
      <div class="time-row">
        {task?.recurrence && (
          <button
            type="button"
            class="button"
            onClick={() => {
              onClose();
              updateTasks(ids, { recurrence: null }, m().repeatRemoved);
            }}
          >
            {m().doesNotRepeat}
          </button>
        )}
        <button type="button" class="button primary" aria-disabled={!first || unclear.value} onClick={save}>{m().save}</button>
      </div>
    </Dialog>
  );
}
