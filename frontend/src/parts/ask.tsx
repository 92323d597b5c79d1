import type { Asked } from "../commands/overlay";
import { m } from "../texts/more";
import { Dialog } from "./dialog";

/** For what cannot be taken back with a key: one question, two answers. */
export function Ask({ text, action, run, other, onClose }: Asked & { onClose: () => void }) {
  return (
    <Dialog label={text} class="ask" onClose={onClose}>
      <p>{text}</p>
      <div class="time-row">
        <button type="button" class="button" onClick={onClose}>{m().cancel}</button>
        {other && <button type="button" class="button" onClick={other.run}>{other.text}</button>}
        <button
          type="button"
          class="button danger"
          onClick={() => {
            onClose();
            run();
          }}
        >
          {action}
        </button>
      </div>
    </Dialog>
  );
}
