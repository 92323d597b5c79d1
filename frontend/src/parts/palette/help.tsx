import { setSingleKeys, singleKeys } from "../../commands/keyboard";
import { keyText } from "../../commands/key-names";
import { commands } from "../../commands/registry";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { Dialog } from "../dialog";

/** Every key there is: from the registry, and the ones that move through a list. */
export function Help({ onClose }: { onClose: () => void }) {
  const listKeys: [string, string][] = [
    ["↑ ↓ · J K", m().keyMove],
    ["→ ←", m().keyInto],
    [`${keyText("Home")} ${keyText("End")}`, m().keyEnds],
    ["X", m().keySelect],
    [`${keyText("Shift")} ↑ ↓`, m().keyExtend],
    [keyText("Control+a"), m().keyAll],
  ];
  // They have no row, but do nothing without the details of a task.
  const inDetails = ["task-after", "task-before"];
  const rows = (where: "anywhere" | "row" | "details") =>
    commands()
      .filter((command) => command.keys && where === (inDetails.includes(command.id) ? "details" : command.where))
      .map((command) => [command.keys!.map(keyText).join(" · "), command.text(t())] as const);
  const table = (title: string, lines: readonly (readonly [string, string])[]) => (
    <section>
      <h2>{title}</h2>
      <dl class="help-keys">
        {lines.map(([keys, text]) => (
          <div key={text}>
            <dt>{text}</dt>
            <dd>{keys.split(" · ").map((key) => <kbd key={key}>{key}</kbd>)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
  return (
    <Dialog label={t().help} class="help keys" onClose={onClose}>
      <div class="help-head">
        <h1>{t().help}</h1>
        <button type="button" class="button" onClick={onClose}>{t().close}</button>
      </div>
      <label class="switch">
        <input type="checkbox" class="check" checked={singleKeys.value} onChange={(event) => setSingleKeys(event.currentTarget.checked)} />
        {m().singleKeys}
      </label>
      <div class="help-columns">
        {table(m().anywhere, rows("anywhere"))}
        {table(m().inLists, [...listKeys, ...rows("row")])}
        {rows("details").length > 0 && table(m().inDetails, rows("details"))}
      </div>
    </Dialog>
  );
}
