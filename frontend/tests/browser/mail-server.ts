/** A server of its own that sends mail, for the tests of a file. */
import { resolve } from "node:path";

import { startServer, type Server } from "../unit/store/server";
import { test as base } from "./helpers";
import { openPostbox, type Postbox } from "./postbox";

export const withMail = (settings: Record<string, string> = {}) =>
  base.extend<object, { mail: { server: Server; postbox: Postbox } }>({
    mail: [
      async ({}, use) => {
        const postbox = await openPostbox();
        const server = await startServer({
          DULY_WEB_APP: resolve(import.meta.dirname, "../../dist"),
          DULY_SMTP_URL: `smtp://127.0.0.1:${postbox.port}`,
          DULY_MAIL_FROM: "duly@example.org",
          DULY_PUBLIC_URL: "http://here",
          DULY_MAIL_ADDRESS_LIMIT: "10000/minute",
          ...settings,
        });
        await use({ server, postbox });
        await server.stop();
        postbox.close();
      },
      { scope: "worker", timeout: 120_000 },
    ],
    baseURL: async ({ mail }, use) => use(mail.server.url),
  });
