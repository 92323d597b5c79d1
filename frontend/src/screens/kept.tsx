import { useSignal } from "@preact/signals";

import { signInNote } from "../commands/account";
import { say } from "../commands/app";
import { type Kept, readKept, removeKept } from "../store/kept";
import { m } from "../texts/more";

/** Says on the sign-in screen whose unsent changes are kept here. */
export async function tellKept(): Promise<void> {
  // Without a database, or where the browser does not list them, there is nothing to say.
  const all = await readKept().catch(() => []);
  if (all.length === 0 || signInNote.peek()) return;
  signInNote.value = all.map((kept) => <KeptChanges key={kept.name} {...kept} />);
}

function KeptChanges({ name, email, unsent }: Kept) {
  const step = useSignal<"said" | "asked" | "removed">("said");
  const remove = async () => {
    await removeKept(name);
    step.value = "removed";
    say(m().keptRemoved);
  };
  if (step.value === "removed") return <span class="kept-changes">{m().keptRemoved}</span>;
  const isAsked = step.value === "asked";
  return (
    <span class="kept-changes">
      {isAsked ? m().keptRemoveAsk(unsent) : m().keptChanges(unsent, email)}{" "}
      {isAsked && <button type="button" class="button danger" onClick={() => void remove()}>{m().remove}</button>}{" "}
      <button type="button" class="button quiet" onClick={() => (step.value = isAsked ? "said" : "asked")}>{isAsked ? m().cancel : m().remove}</button>
    </span>
  );
}
