/** One server with its own PostgreSQL and the built app, for all tests of a run. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";

import { startServer } from "../unit/store/server";

export default async function setup(): Promise<(() => Promise<void>) | void> {
  // A server that runs already (`DULY_WEB_URL`) saves its start while a test is written.
  if (process.env["DULY_WEB_URL"]) return;
  const app = resolve(import.meta.dirname, "../../dist");
  if (!existsSync(resolve(app, "index.html"))) throw new Error("Build the app first: npm run build");
  const server = await startServer({
    DULY_WEB_APP: app,
    DULY_REFRESH_LIMIT: "10000/minute",
    DULY_LOGIN_ADDRESS_LIMIT: "10000/minute",
    DULY_LOGIN_TOTAL_LIMIT: "100000/day",
  });
  process.env["DULY_WEB_URL"] = server.url;
  return () => server.stop();
}
