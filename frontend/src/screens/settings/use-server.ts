import { useSignal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { session } from "../../commands/account";
import { warn } from "../../commands/app";
import { explain } from "../sign-in";

/** What is only on the server: read when the page opens, with its error in words. */
export function useServer<T>(path: string): {
  value: Signal<T | null>;
  problem: Signal<string>;
  load: () => Promise<void>;
  attempt: (act: () => Promise<unknown>) => Promise<boolean>;
} {
  const value = useSignal<T | null>(null);
  const problem = useSignal("");
  const attempt = async (act: () => Promise<unknown>): Promise<boolean> => {
    problem.value = "";
    try {
      await act();
      return true;
    } catch (error) {
      problem.value = explain(error);
      warn(problem.value);
      return false;
    }
  };
  const load = async () => {
    await attempt(async () => {
      value.value = (await (await session.request("GET", path)).json()) as T;
    });
  };
  useEffect(() => void load(), [path]);
  return { value, problem, load, attempt };
}
