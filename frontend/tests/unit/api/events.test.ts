import { describe, expect, it, test } from "vitest";

import { EventParser, readEvents, type StreamedEvent } from "../../../src/api/events";

const TEXT =
  "\ufeffid: one\nevent: ready\ndata: {}\n\n" +
  ": ping - 2026-11-21 02:08:44\n\n" +
  'id: two\r\nevent: change\r\ndata: {"type":"task",\r\ndata:"title":"Größe 🎉"}\r\n\r\n' +
  "event: reset\rdata\r\rid: three\nevent: change\ndata: 5";
const EVENTS: StreamedEvent[] = [
  { id: "one", type: "ready", data: {} },
  { id: "two", type: "change", data: { type: "task", title: "Größe 🎉" } },
  { id: "", type: "reset", data: null },
];

test.each([1, 2, 3, 5, 7, 64, 1000])("pieces of %d characters are the same events", (size) => {
  const parser = new EventParser();
  const events: StreamedEvent[] = [];
  for (let at = 0; at < TEXT.length; at += size)
    events.push(...parser.push(TEXT.slice(at, at + size)));
  expect(events).toEqual(EVENTS);
});

test("every split into two pieces gives the same events", () => {
  for (let at = 0; at <= TEXT.length; at++) {
    const parser = new EventParser();
    const events = [...parser.push(TEXT.slice(0, at)), ...parser.push(TEXT.slice(at))];
    expect(events, `split at ${at}`).toEqual(EVENTS);
  }
});

/** A response whose body arrives in these pieces, and then ends or stays open. */
function response(pieces: Uint8Array[], { isOpen = false } = {}): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      if (!isOpen) controller.close();
    },
  });
  return new Response(body);
}

describe("readEvents", () => {
  const bytes = new TextEncoder().encode(TEXT);

  it("joins characters that are split between pieces", async () => {
    const events: StreamedEvent[] = [];
    const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));
    await readEvents(response(pieces), (event) => events.push(event), new AbortController().signal);
    expect(events).toEqual(EVENTS);
  });

  it("ends when nothing is heard", async () => {
    const begin = performance.now();
    await readEvents(
      response([bytes], { isOpen: true }),
      () => {},
      new AbortController().signal,
      50,
    );
    expect(performance.now() - begin).toBeGreaterThan(40);
  });

  it("ends when it is aborted, and passes nothing on after that", async () => {
    const controller = new AbortController();
    const events: StreamedEvent[] = [];
    await readEvents(
      response([bytes], { isOpen: true }),
      (event) => {
        events.push(event);
        controller.abort();
      },
      controller.signal,
    );
    expect(events).toEqual(EVENTS.slice(0, 1));
  });

  it("rejects with what the receiver throws", async () => {
    const reading = readEvents(
      response([bytes]),
      () => {
        throw new Error("no room");
      },
      new AbortController().signal,
    );
    await expect(reading).rejects.toThrow("no room");
  });
});
