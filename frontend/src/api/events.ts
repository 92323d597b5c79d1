/** Server-sent events over `fetch`, since `EventSource` cannot send an access token. */

export interface StreamedEvent {
  /** A sync token; empty if the event has none. */
  id: string;
  type: string;
  /** Parsed JSON, or null without data. */
  data: unknown;
}

/** Reads events from text that arrives in pieces, which may end anywhere. */
export class EventParser {
  private rest = "";
  private lines: string[] = [];
  private isFirst = true;

  /** Returns the events that are complete with this piece. */
  push(piece: string): StreamedEvent[] {
    if (this.isFirst && piece) {
      piece = piece.replace(/^\ufeff/, "");
      this.isFirst = false;
    }
    const text = this.rest + piece;
    // A CR at the end may be half of a line's end.
    const end = text.endsWith("\r") ? text.length - 1 : text.length;
    const lines = text.slice(0, end).split(/\r\n|\n|\r/);
    this.rest = lines.pop()! + text.slice(end);
    const events: StreamedEvent[] = [];
    for (const line of lines) {
      if (line) {
        this.lines.push(line);
        continue;
      }
      const event = eventOf(this.lines);
      if (event) events.push(event);
      this.lines = [];
    }
    return events;
  }
}

function eventOf(lines: string[]): StreamedEvent | null {
  let id = "";
  let type = "";
  const data: string[] = [];
  for (const line of lines) {
    const [, field, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
    if (field === "id") id = value ?? "";
    else if (field === "event") type = value ?? "";
    else if (field === "data") data.push(value ?? "");
  }
  if (!type && !data.length) return null; // a comment, which only shows that the server is there
  const text = data.join("\n");
  return { id, type: type || "message", data: text ? (JSON.parse(text) as unknown) : null };
}

/** The server sends a comment every 15 seconds. */
export const SILENCE = 40_000;

/**
 * Passes the events of a response on, in order. Resolves when the stream ends, also because it broke
 * off, because nothing was heard for `silence` milliseconds, or because `signal` was aborted.
 * Rejects if `on` throws.
 */
export async function readEvents(
  response: Response,
  on: (event: StreamedEvent) => void,
  signal: AbortSignal,
  silence = SILENCE,
): Promise<void> {
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  try {
    while (!signal.aborted) {
      const timer = setTimeout(cancel, silence);
      const chunk = await reader
        .read()
        .catch(() => null)
        .finally(() => clearTimeout(timer));
      if (!chunk || chunk.done) return;
      for (const event of parser.push(decoder.decode(chunk.value, { stream: true }))) {
        if (signal.aborted) return;
        on(event);
      }
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}
