/** A server with its own PostgreSQL that serves the app as it is installed, with compressed files. */
import { resolve } from "node:path";

import { startServer } from "../unit/store/server";

export default async function setup(): Promise<() => Promise<void>> {
  const server = await startServer({
    DULY_WEB_APP: resolve(import.meta.dirname, "../../../backend/src/duly/web"),
    DULY_LOGIN_ADDRESS_LIMIT: "10000/minute",
  });
  process.env["DULY_WEB_URL"] = server.url;
  return () => server.stop();
}
