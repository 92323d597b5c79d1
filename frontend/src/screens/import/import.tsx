import { useSignal } from "@preact/signals";

import { showToast, store, warn } from "../../commands/app";
import { prepareParser, understand } from "../../parts/quickadd/understand";
import type { Command } from "../../store/types";
import { m } from "../../texts/more";
import type { Plan } from "./plan";
import { readTodoist } from "./todoist";
import { readVikunja } from "./vikunja";

const AT_ONCE = 100;
const SHOWN = 50;

/** A file, what it would become, and the import itself. Nothing is created before it is agreed to. */
export function Import() {
  const plan = useSignal<Plan | null>(null);
  const mistake = useSignal("");
  const progress = useSignal<number | null>(null);
  const result = useSignal("");

  const read = async (file: File) => {
    [plan.value, mistake.value, result.value] = [null, "", ""];
    try {
      const content = new Uint8Array(await file.arrayBuffer());
      const known = { labels: store().labels.peek() };
      if (/\.zip$/i.test(file.name)) plan.value = await readVikunja(content, known, store().user.peek().timezone);
      else {
        await prepareParser();
        plan.value = readTodoist(content, file.name, known, (text) => understand(text)?.draft ?? null);
      }
    } catch {
      mistake.value = m().importMistake;
      warn(mistake.value);
    }
  };

  const run = async () => {
    // What an earlier import of the same file has created stays as it is.
    const fresh = plan.value!.commands.filter((command) => command.do === "create" && !exists(command));
    for (let i = 0; i < fresh.length; i += AT_ONCE) {
      progress.value = i / fresh.length;
      await store().run(...fresh.slice(i, i + AT_ONCE)).stored;
    }
    const tasks = fresh.filter((command) => command.do === "create" && command.type === "task").length;
    [progress.value, plan.value] = [null, null];
    result.value = m().imported(tasks);
    showToast(result.value);
  };

  const shown = plan.value;
  return (
    <section class="form">
      <h2>{m().importTitle}</h2>
      <p class="note">{m().importNote}</p>
      <label class="button">
        {m().chooseFile}
        <input
          class="hidden"
          type="file"
          accept=".csv,.zip"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            event.currentTarget.value = "";
            if (file) void read(file);
          }}
        />
      </label>
      {mistake.value && <p class="mistake">{mistake.value}</p>}
      {result.value && <p>{result.value}</p>}
      {shown && (
        <>
          <p>{m().importCounts(shown.tasks, shown.completed, shown.lists, shown.sections, shown.labels)}</p>
          {shown.problems.length > 0 && (
            <>
              <p class="mistake">{m().importProblems(shown.problems.length)}</p>
              <ul class="import-problems note">
                {shown.problems.slice(0, SHOWN).map((problem) => (
                  <li key={`${problem.at} ${problem.what}`}><bdi>{m().importProblem(problem.at, m().importWhat[problem.what], problem.text)}</bdi></li>
                ))}
              </ul>
            </>
          )}
          {progress.value !== null ? (
            <progress aria-label={m().importTitle} value={progress.value} max={1} />
          ) : (
            <button type="button" class="button primary" onClick={() => void run()}>{m().importRun}</button>
          )}
        </>
      )}
    </section>
  );
}

function exists(command: Extract<Command, { do: "create" }>): boolean {
  const id = (command.data as { id?: string }).id;
  return id !== undefined && store().get(command.type, id).peek() !== undefined;
}
