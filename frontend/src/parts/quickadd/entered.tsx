import { useEffect } from "preact/hooks";

import { entered } from "../../commands/overlay";
import { beside, create } from "./create";

/** Adds what was entered in a quick add that was closed before it was there. */
export function Entered() {
  useEffect(() => {
    const all = entered.peek();
    entered.value = [];
    void (async () => {
      let last: string | null = null;
      for (const { line, at } of all) last = (await create(line, null, at ? beside(at) : null, last)) ?? last;
    })();
  }, [entered.value]);
  return null;
}
