import { defineConfig, type Plugin, type Rolldown } from "vite";

/**
 * Two scripts are not modules of the page: that of the head, which must run before the first paint,
 * and the service worker, which needs a stable address and the list of files to keep.
 */
function ownScripts(): Plugin {
  return {
    name: "duly-own-scripts",
    transformIndexHtml: {
      order: "post",
      handler(_html, { bundle }) {
        const attrs = bundle
          ? { src: addressOf(bundle, "head"), "data-sign-in": addressOf(bundle, "sign-in"), "data-list": addressOf(bundle, "list") }
          : { src: "/src/head.ts", type: "module" };
        return [{ tag: "script", attrs, injectTo: "head-prepend" }];
      },
    },
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const worker = bundle["worker.js"];
        if (worker?.type !== "chunk") return;
        const files = Object.keys(bundle).filter((name) => name.startsWith("assets/"));
        const kept = ["/", "/manifest.webmanifest", "/icon.svg", ...files.map((name) => `/${name}`)];
        const page = bundle["index.html"];
        worker.code = worker.code
          .replace("__VERSION__", hash(kept.join() + worker.code + (page?.type === "asset" ? String(page.source) : "")))
          .replace(/(["'`])__FILES__\1/, JSON.stringify(kept));
      },
    },
  };
}

function addressOf(bundle: Rolldown.OutputBundle, name: string): string {
  const chunk = Object.values(bundle).find((file) => file.type === "chunk" && file.name === name);
  if (!chunk) throw new Error(`The build has no ${name}.`);
  return `/${chunk.fileName}`;
}

/** Enough to tell one build from the next; names of assets hold their own hashes. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (const char of text) value = Math.imul(value ^ char.codePointAt(0)!, 0x01000193) >>> 0;
  return value.toString(36);
}

declare const process: { env: Record<string, string | undefined> };
const server = process.env["DULY_API"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [ownScripts()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: ["chrome123", "firefox128", "safari17.5"],
    cssTarget: ["chrome123", "firefox128", "safari17.5"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    rolldownOptions: {
      input: { index: "index.html", head: "src/head.ts", worker: "src/worker.ts" },
      output: {
        entryFileNames: (chunk) => (chunk.name === "worker" ? "worker.js" : "assets/[name]-[hash].js"),
        // What a first paint needs is in one file, which compresses better and arrives at once: the
        // start with the session, and the shell with the store, which the sign-in screen does not need.
        codeSplitting: {
          groups: [
            { name: "start", tags: ["$initial"], test: /^(?!.*\/src\/(head|worker)\.ts$)/, priority: 2 },
            { name: "list", test: /\/src\/(screens\/shell\.tsx|store\/index\.ts)$/, priority: 1 },
          ],
        },
      },
    },
  },
  server: { proxy: { "/api": server, "/.well-known": server } },
  preview: { proxy: { "/api": server, "/.well-known": server } },
});
