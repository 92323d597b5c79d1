import { useEffect, useRef } from "preact/hooks";

import { toast } from "../commands/app";
import { t } from "../texts";
import { Icon } from "./icons";

const SHOWN = 10_000;

/** What was just done, with the way back. It waits while the pointer or the focus is on it. */
export function ToastBar() {
  const shown = toast.value;
  const waiting = useRef<ReturnType<typeof setTimeout>>(undefined);
  const hold = () => clearTimeout(waiting.current);
  const release = () => {
    hold();
    waiting.current = setTimeout(() => (toast.value = null), SHOWN);
  };
  useEffect(() => {
    if (shown) release();
    return hold;
  }, [shown?.key]);
  if (!shown) return null;
  const { text, action } = shown;
  return (
    <div
      class="toast"
      key={shown.key}
      onMouseEnter={hold}
      onMouseLeave={release}
      onFocusIn={hold}
      onFocusOut={release}
    >
      <bdi>{text}</bdi>
      {action && (
        <button
          type="button"
          class="toast-action"
          onClick={() => {
            toast.value = null;
            action.run();
          }}
        >
          {action.text}
        </button>
      )}
      <button type="button" class="icon-button" aria-label={t().dismiss} onClick={() => (toast.value = null)}>
        <Icon name="close" size={16} />
      </button>
    </div>
  );
}
