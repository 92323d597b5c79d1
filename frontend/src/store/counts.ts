/** How many open tasks there are where, kept by adding and subtracting as tasks change. */
import { signal } from "@preact/signals-core";

import { momentDay } from "../rules/dates";
import type { Model } from "./model";
import type { Counts, List, Task } from "./types";

/** Where a task counts. A list's id is that of the list. */
interface Share {
  list: string | null;
  day: "today" | "overdue" | null;
}

export class Counters {
  readonly counts = signal<Counts>({ inbox: 0, today: 0, overdue: 0, lists: new Map() });
  /** What each task was counted as. */
  private readonly shares = new Map<string, Share>();

  constructor(
    private readonly model: Model,
    private readonly around: () => { today: string; zone: string },
  ) {
    model.listen((shifts) => {
      const tasks = shifts.filter(({ type }) => type === "task");
      if (tasks.length) this.update(tasks.map(({ id, after }) => [id, after as Task | undefined]));
    });
  }

  /** Counts all tasks anew: the day, the zone, or whether a list is archived, has changed. */
  recount(): void {
    this.shares.clear();
    this.counts.value = { inbox: 0, today: 0, overdue: 0, lists: new Map() };
    this.update([...(this.model.shown.task as ReadonlyMap<string, Task>)]);
  }

  private update(tasks: readonly (readonly [string, Task | undefined])[]): void {
    const old = this.counts.peek();
    const counts = { inbox: old.inbox, today: old.today, overdue: old.overdue };
    const lists = new Map(old.lists);
    let changed = false;
    const add = ({ list, day }: Share, by: 1 | -1) => {
      if (list === null) counts.inbox += by;
      else {
        const count = (lists.get(list) ?? 0) + by;
        if (count) lists.set(list, count);
        else lists.delete(list);
      }
      if (day) counts[day] += by;
      changed = true;
    };
    const around = this.around();
    for (const [id, task] of tasks) {
      const before = this.shares.get(id);
      const after = this.shareOf(task, around);
      if (before?.list === after?.list && before?.day === after?.day) continue;
      if (before) add(before, -1);
      if (after) {
        add(after, 1);
        this.shares.set(id, after);
      } else this.shares.delete(id);
    }
    if (changed) this.counts.value = { ...counts, lists };
  }

  private shareOf(task: Task | undefined, around: { today: string; zone: string }): Share | undefined {
    if (!task || task.is_completed) return undefined;
    const list = task.list_id && (this.model.shown.list.get(task.list_id) as List | undefined);
    if (!task.due || (list && list.is_archived)) return { list: task.list_id, day: null };
    const day = momentDay(task.due, around.zone);
    const { today } = around;
    return { list: task.list_id, day: day < today ? "overdue" : day === today ? "today" : null };
  }
}
