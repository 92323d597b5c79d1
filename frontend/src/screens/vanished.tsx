import { store } from "../commands/app";
import { t } from "../texts";
import { m } from "../texts/more";

/** After a restored server: what only this device still has. Nothing vanishes unasked. */
export function Vanished() {
  const { vanished } = store().status.value;
  if (vanished.length === 0) return null;
  return (
    <div class="banner" role="alert">
      <p>{m().vanished(vanished.length)}</p>
      <details>
        <summary>{t().tasks(vanished.length)}</summary>
        <ul>{vanished.slice(0, 100).map((task) => <li key={task.id}><bdi>{task.title}</bdi></li>)}</ul>
      </details>
      <div class="conflict-choices">
        <button type="button" class="button primary" onClick={() => store().settleVanished(true)}>{m().keepThem}</button>
        <button type="button" class="button" onClick={() => store().settleVanished(false)}>{m().letThemGo}</button>
      </div>
    </div>
  );
}
