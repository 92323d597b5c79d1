import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { closeDevices } from "./device";
import { play } from "./history";
import { startServer, type Server } from "./server";

// HISTORIES=300 plays as many; SEED repeats one.
const COUNT = Number(process.env.HISTORIES ?? 12);
const FIRST = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
const STEPS = Number(process.env.STEPS ?? 60);

let server: Server;

beforeAll(async () => {
  server = await startServer();
}, 120_000);
afterEach(closeDevices);
afterAll(() => server.stop());

test.for(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  "two devices converge in history %d",
  { timeout: 60_000 },
  async (seed) => {
    const { server: truth, devices, ...rest } = await play(server.url, seed, STEPS);
    expect(rest).toEqual({ lost: [], doubled: [], refused: [] });
    for (const device of devices) {
      expect(Object.fromEntries(device)).toEqual(Object.fromEntries(truth));
    }
  },
);
