/** A mail server that keeps what it gets. */
import { createServer, type AddressInfo } from "node:net";

export interface Postbox {
  port: number;
  /** Waits for the newest link of a kind in a mail to an address, from its path on. */
  linkTo(email: string, path: string): Promise<string>;
  close(): void;
}

export async function openPostbox(): Promise<Postbox> {
  const mails: string[] = [];
  const server = createServer((socket) => {
    let text = "";
    let isData = false;
    socket.write("220 postbox\r\n");
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      text += chunk.toString();
      for (let end = next(); end >= 0; end = next()) {
        const part = text.slice(0, end);
        text = text.slice(end + (isData ? 5 : 2));
        if (isData) mails.push(part);
        isData = !isData && /^DATA/i.test(part);
        socket.write(isData ? "354 go on\r\n" : /^QUIT/i.test(part) ? "221 bye\r\n" : "250 ok\r\n");
      }
    });
    const next = () => text.indexOf(isData ? "\r\n.\r\n" : "\r\n");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    port: (server.address() as AddressInfo).port,
    async linkTo(email, path) {
      for (let tries = 0; tries < 200; tries++) {
        for (const mail of mails.filter((each) => each.includes(`To: ${email}`)).reverse()) {
          const plain = mail.replaceAll("=\r\n", "").replace(/=([0-9A-F]{2})/g, (_all, code: string) => String.fromCharCode(parseInt(code, 16)));
          const link = new RegExp(`${path}#token=[\\w-]+`).exec(plain);
          if (link) return link[0];
        }
        await new Promise((done) => setTimeout(done, 100));
      }
      throw new Error(`No mail with ${path} to ${email} has arrived.`);
    },
    close: () => server.close(),
  };
}
