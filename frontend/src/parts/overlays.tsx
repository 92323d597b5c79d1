import { focusPlace, grid } from "../commands/grid";
import { pendingKey } from "../commands/keyboard";
import { entered, hide, overlay } from "../commands/overlay";
import { commands } from "../commands/registry";
import { currentRow } from "../commands/selection";
import { t } from "../texts";
import { lazily } from "./lazily";

export const QuickAdd = lazily(() => import("./quickadd/dialog").then((part) => part.QuickAdd));
const Entered = lazily(() => import("./quickadd/dialog").then((part) => part.Entered));
export const Palette = lazily(() => import("./palette/palette").then((part) => part.Palette));
export const AskedMenu = lazily(() => import("./menus").then((part) => part.AskedMenu));
export const SelectBar = lazily(() => import("./select-bar").then((part) => part.SelectBar));
const Help = lazily(() => import("./palette/help").then((part) => part.Help));
const DatePicker = lazily(() => import("./dates/date").then((part) => part.DatePicker));
const RepeatPicker = lazily(() => import("./dates/repeat").then((part) => part.RepeatPicker));
const LabelPicker = lazily(() => import("./pickers").then((part) => part.LabelPicker));
const MovePicker = lazily(() => import("./pickers").then((part) => part.MovePicker));
const GoPicker = lazily(() => import("./pickers").then((part) => part.GoPicker));
const ColorPicker = lazily(() => import("./color").then((part) => part.ColorPicker));
const Ask = lazily(() => import("./ask").then((part) => part.Ask));

/** After a dialog, the focus returns to the row that it was about, or to its successor. */
function close(): void {
  hide();
  requestAnimationFrame(() => {
    const key = currentRow.peek();
    if (document.activeElement !== document.body) return;
    if (key && grid.peek()) grid.peek()!.focus(key);
    else focusPlace();
  });
}

export function Overlays() {
  return (
    <>
      {entered.value.length > 0 && <Entered />}
      <Shown />
    </>
  );
}

function Shown() {
  const shown = overlay.value;
  switch (shown?.kind) {
    case "quick-add":
      return <QuickAdd at={shown.at} onClose={close} />;
    case "go":
      return <GoPicker to={shown.to} onClose={close} />;
    case "palette":
      return <Palette onClose={close} />;
    case "help":
      return <Help onClose={close} />;
    case "date":
      return <DatePicker {...shown} onClose={close} />;
    case "repeat":
      return <RepeatPicker {...shown} onClose={close} />;
    case "labels":
      return <LabelPicker {...shown} onClose={close} />;
    case "move":
      return <MovePicker {...shown} onClose={close} />;
    case "color":
      return <ColorPicker {...shown} onClose={close} />;
    case "ask":
      return <Ask {...shown} onClose={close} />;
    default:
      return null;
  }
}

/** After the first key of a pair, the second ones: there is no hurry to press one. */
export function PendingBar() {
  const key = pendingKey.value;
  if (!key) return null;
  const choices = commands().filter((command) => command.keys?.some((keys) => keys.startsWith(`${key} `)));
  return (
    <div class="pending" role="status">
      <kbd>{key.toUpperCase()}</kbd>
      {choices.map((command) => (
        <span key={command.id}>
          <kbd>{command.keys![0]!.slice(2).toUpperCase()}</kbd> {command.text(t())}
        </span>
      ))}
    </div>
  );
}
