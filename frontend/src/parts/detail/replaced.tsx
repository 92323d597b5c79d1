import { store } from "../../commands/app";
import type { Conflict } from "../../store/types";
import { choiceText, conflictText } from "../conflict";

/** What a change of ours has replaced, and what could not be kept: said where it happened. */
export function Replaced({ id }: { id: string }) {
  const conflicts = store().conflicts.value.filter((conflict) => conflict.type === "task" && conflict.id === id);
  if (conflicts.length === 0) return null;
  return (
    <ul class="conflicts">
      {conflicts.map((conflict: Conflict) => (
        <li key={conflict.key} class="conflict">
          <p>{conflictText(conflict)}</p>
          <div class="conflict-choices">
            {conflict.choices.map((choice) => (
              <button key={choice} type="button" class="button" onClick={() => store().resolve(conflict, choice)}>
                {choiceText(choice)}
              </button>
            ))}
          </div>
        </li>
      ))}
    </ul>
  );
}
