import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { m } from "../../texts/more";

/** Of the server, as its index says; null until that is known. It holds until the page is loaded again. */
const version = signal<string | null>(null);

async function read(): Promise<void> {
  // For a browser that asks for a page, the same address is the app.
  const response = await fetch("/", { headers: { Accept: "application/json" }, cache: "no-store" });
  const index = (await response.json()) as { version?: unknown };
  if (typeof index.version === "string") version.value = index.version;
}

export function Version() {
  useEffect(() => {
    if (version.peek() === null) read().catch(() => {}); // without a connection
  }, []);
  return <p class="note">{version.value === null ? m().versionUnknown : m().version(version.value)}</p>;
}
