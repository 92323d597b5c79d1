/** The service worker, and the new version that waits for consent. */
import { signal } from "@preact/signals";

import { store } from "./app";

/** Set while a new version is ready; calling it reloads the page with that version. */
export const newVersion = signal<(() => void) | null>(null);
/** What this page could not store is kept for the next one: leaving loses nothing. */
export let isHandedOver = false;

/** Another tab runs a newer version, which has taken the database. */
export function followOther(): void {
  isHandedOver = store().handOver();
  location.reload();
}

interface Policy {
  createScriptURL(url: string): string;
}
interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): Policy;
}

function address(): string {
  const factory = (window as { trustedTypes?: PolicyFactory }).trustedTypes;
  const policy = factory?.createPolicy("duly-worker", { createScriptURL: (url) => url });
  return policy ? policy.createScriptURL("/worker.js") : "/worker.js";
}

export async function keepApp(): Promise<void> {
  const { serviceWorker } = navigator;
  // Missing on plain http; the development server has no build to keep.
  if (!serviceWorker || !import.meta.env.PROD) return;
  const registration = await serviceWorker.register(address());
  const offer = (waiting: ServiceWorker | null) => {
    // The first version has nothing to replace.
    if (!waiting || !serviceWorker.controller) return;
    newVersion.value = () => {
      serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      waiting.postMessage("take-over");
    };
  };
  offer(registration.waiting);
  registration.addEventListener("updatefound", () => {
    const next = registration.installing;
    next?.addEventListener("statechange", () => {
      if (next.state === "installed") offer(next);
    });
  });
  addEventListener("focus", () => void registration.update().catch(() => {}));
}
