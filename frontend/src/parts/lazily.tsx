import { signal } from "@preact/signals";
import type { ComponentType } from "preact";

/** A part that arrives when it is first needed, or when there is nothing else to do. */
export function lazily<P extends object>(load: () => Promise<ComponentType<P>>) {
  const Loaded = signal<ComponentType<P> | null>(null);
  let loading: Promise<void> | null = null;
  const prepare = () => {
    loading ??= load().then(
      (part) => void (Loaded.value = part),
      () => void (loading = null),
    );
    return loading;
  };
  function Lazy(props: P) {
    const Part = Loaded.value;
    if (Part) return <Part {...props} />;
    void prepare();
    return null;
  }
  return Object.assign(Lazy, { prepare });
}

/** Runs when the browser has nothing else to do: for what is needed next. */
export function whenIdle(act: () => void): void {
  const idle = window.requestIdleCallback ?? ((later: () => void) => setTimeout(later, 500));
  idle(act);
}
