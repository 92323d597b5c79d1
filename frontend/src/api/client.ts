/** Requests to the API of this server, and its errors. */
import type { ApiErrorBody, ErrorCode } from "./things";

const BASE = "/api/v1";
const TIMEOUT = 30_000;

/** A response that is an error. A request without any response throws what `fetch` throws. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    /** Empty if the response is not from Duly, but from a proxy in front of it. */
    readonly code: ErrorCode | "",
    /** For people, in English. */
    message: string,
    readonly details: ApiErrorBody["details"] = {},
    /** Seconds to wait, if the server says so. */
    readonly retryAfter: number | null = null,
    /** By which the server's log has the request. */
    readonly requestId: string | null = null,
  ) {
    super(message);
  }

  /** Whether the same request can succeed later. */
  get isPassing(): boolean {
    return [408, 425, 429].includes(this.status) || this.status >= 500;
  }
}

export interface SendOptions {
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Milliseconds until a request without a complete response fails; 0 for a stream. */
  timeout?: number;
}

/** Sends a request below /api/v1 and returns its response. Throws `ApiError` unless it is 2xx. */
export async function send(
  method: string,
  path: string,
  { body, headers, signal, timeout = TIMEOUT }: SendOptions = {},
): Promise<Response> {
  const limits = [signal, timeout ? AbortSignal.timeout(timeout) : undefined].filter(
    (limit) => !!limit,
  );
  const response = await fetch(BASE + path, {
    method,
    headers: {
      Accept: "application/json",
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: limits.length ? AbortSignal.any(limits) : undefined,
    credentials: "same-origin",
    cache: "no-store",
  });
  if (response.ok) return response;
  throw await errorOf(response);
}

/** The error that a response is. */
export async function errorOf(response: Response): Promise<ApiError> {
  const requestId = response.headers.get("X-Request-ID");
  const retryAfter = secondsOf(response.headers.get("Retry-After"));
  let error: Partial<ApiErrorBody> = {};
  try {
    error = ((await response.json()) as { error?: Partial<ApiErrorBody> }).error ?? {};
  } catch {
    // Not JSON, or it broke off: the status says enough.
  }
  const message = error.message ?? `The server responded with status ${response.status}.`;
  return new ApiError(
    response.status,
    error.code ?? "",
    message,
    error.details ?? {},
    retryAfter,
    requestId,
  );
}

/** `Retry-After` has seconds or, from a proxy, a date. */
function secondsOf(value: string | null): number | null {
  if (value === null) return null;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, Math.ceil(seconds));
}
