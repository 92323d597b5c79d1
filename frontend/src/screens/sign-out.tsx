import { useSignal } from "@preact/signals";

import { signOut, waitForUnsent } from "../commands/account";
import { show } from "../commands/overlay";
import { t } from "../texts";
import { m } from "../texts/more";
import { exportDevice } from "./export-device";

/** Signs out once everything is sent; else it asks whether what remains may be lost. */
export function SignOut() {
  const leaving = useSignal(false);
  const leave = async () => {
    leaving.value = true;
    const lost = await waitForUnsent();
    leaving.value = false;
    if (lost === 0) return signOut();
    show({
      kind: "ask",
      text: m().signOutAsk(lost),
      action: m().signOutAnyway(lost),
      run: () => void signOut(),
      other: { text: m().exportDevice, run: exportDevice },
    });
  };
  return (
    <button type="button" class="button" aria-disabled={leaving.value} onClick={() => void leave()}>
      {leaving.value ? t().working : m().signOut}
    </button>
  );
}
