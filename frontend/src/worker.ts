/**
 * The service worker: keeps one version of the app, so that it opens without a connection. It never
 * touches requests to the API. A new version waits until it is asked, or until no tab is open.
 */
export type {};
declare const self: ServiceWorkerGlobalScope;

// Both are filled in by the build.
const CACHE = "duly-__VERSION__";
const FILES = "__FILES__" as unknown as readonly string[];

/** Addresses that are the server's own. Every other navigation is a screen of the app. */
const SERVER = /^\/(api|docs|redoc|openapi\.json|health|metrics|\.well-known)(\/|$)/;

self.addEventListener("install", (event) => {
  // The server has something else at "/" for clients that do not ask for a page.
  const headers = { Accept: "text/html,*/*;q=0.5" };
  const requests = FILES.map((file) => new Request(file, { headers, cache: file.startsWith("/assets/") ? "default" : "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)));
});

self.addEventListener("activate", (event) => {
  const clean = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith("duly-") && name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(clean());
});

self.addEventListener("message", (event) => {
  if (event.data === "take-over") void self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin || SERVER.test(url.pathname)) return;
  if (request.mode === "navigate") event.respondWith(kept("/", request));
  // At "/", only the server has its index for programs, which says its version.
  else if (FILES.includes(url.pathname) && request.headers.get("Accept") !== "application/json") event.respondWith(kept(url.pathname, request));
});

async function kept(path: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(path, { ignoreVary: true })) ?? fetch(request);
}
