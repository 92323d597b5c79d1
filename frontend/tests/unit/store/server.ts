/** A real server with its embedded PostgreSQL, for tests of the store. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const BACKEND = resolve(import.meta.dirname, "../../../../backend");

export interface Server {
  url: string;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Runs a command of `duly` beside the server, in its directory. */
  duly(...command: string[]): Promise<void>;
}

async function freePort(): Promise<number> {
  return new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => done(port));
    });
  });
}

export async function startServer(settings: Record<string, string> = {}): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), "duly-store-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  // The browser tests name the server of all tests to each other by it.
  const { DULY_WEB_URL: _shared, ...inherited } = process.env;
  const env = {
    ...inherited,
    DULY_PORT: String(port),
    DULY_DATA_DIR: directory,
    DULY_RATE_LIMIT: "off",
    DULY_REGISTER_LIMIT: "10000/minute",
    DULY_LOG_LEVEL: "warning",
    ...settings,
  };
  const duly = join(BACKEND, ".venv/bin/duly");
  let server: ChildProcess | null = null;

  async function ended(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    await new Promise((done) => child.once("exit", done));
  }

  const handle: Server = {
    url,
    async start() {
      server = spawn(duly, ["serve"], { env, cwd: directory, stdio: ["ignore", "ignore", "inherit"] });
      for (let tries = 0; tries < 600; tries++) {
        if (server.exitCode !== null) throw new Error("The server has stopped.");
        const ready = await fetch(`${url}/health/ready`).catch(() => null);
        if (ready?.ok) return;
        await new Promise((done) => setTimeout(done, 100));
      }
      throw new Error("The server does not start.");
    },
    async kill() {
      if (!server) return;
      server.kill("SIGTERM");
      await ended(server);
      server = null;
    },
    async stop() {
      await handle.kill();
      await rm(directory, { recursive: true, force: true });
    },
    async duly(...command) {
      const child = spawn(duly, command, { env, cwd: directory, stdio: ["ignore", "ignore", "inherit"] });
      await ended(child);
      if (child.exitCode !== 0) throw new Error(`duly ${command.join(" ")} failed`);
    },
  };
  await handle.start();
  return handle;
}
