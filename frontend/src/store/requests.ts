/** Requests of the store, and what their failures mean for it. */
import type { Connection } from "./types";

/** The server lets users sync once they have confirmed their address. */
export const UNVERIFIED = "EMAIL_NOT_VERIFIED";

/** An answer that is an error, as the API describes it. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields: { path: string; message: string; type: string }[],
    /** Seconds to wait before the same request, if the server has said so. */
    readonly retryAfter: number | null,
  ) {
    super(message);
  }

  /** Whether the same request may succeed later, without anything being changed. */
  get isTemporary(): boolean {
    const { status, code } = this;
    return status >= 500 || status === 429 || status === 408 || code === "IDEMPOTENCY_IN_FLIGHT" || code === UNVERIFIED;
  }
}

/** No answer: the server may have had the request, or not. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super("The server cannot be reached.", { cause });
  }
}

/** Sends a request and reads its response. Throws `Refused` or `Unreachable`. */
export async function ask<T>(
  connection: Connection,
  method: string,
  path: string,
  options: { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<T> {
  let response: Response;
  try {
    response = await connection.request(method, path, options);
  } catch (error) {
    throw refusedBy(error) ?? new Unreachable(error);
  }
  if (response.ok) {
    return response.json().catch((error: unknown) => {
      throw new Unreachable(error); // it broke off
    }) as Promise<T>;
  }
  const body: unknown = await response.json().catch(() => null);
  const error = (body as { error?: unknown } | null)?.error;
  throw refused(response.status, error, response.headers.get("Retry-After"));
}

function refused(status: number, error: unknown, after: unknown): Refused {
  const { code, message, details } = (error ?? {}) as Record<string, unknown>;
  const fields = ((details as Record<string, unknown> | undefined)?.fields ?? []) as Refused["fields"];
  const seconds = Number(after);
  const wait = after != null && Number.isFinite(seconds) ? seconds : null;
  return new Refused(status, String(code ?? ""), String(message ?? status), fields, wait);
}

/** Returns the response that an error of the connection stands for, if it has a status. */
export function refusedBy(error: unknown): Refused | null {
  if (error instanceof Refused) return error;
  const { status, retryAfter } = (error ?? {}) as { status?: unknown; retryAfter?: unknown };
  return typeof status === "number" && status > 0 ? refused(status, error, retryAfter) : null;
}
