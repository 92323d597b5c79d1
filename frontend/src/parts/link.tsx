import type { ComponentChildren, JSX } from "preact";

import { go } from "../commands/route";

/** A real link, so that it opens in a new tab when asked to; a plain click stays in the app. */
export function Link({
  href,
  onClick,
  children,
  ...rest
}: JSX.IntrinsicElements["a"] & { href: string; children: ComponentChildren }) {
  return (
    <a
      {...rest}
      href={href}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
        event.preventDefault();
        (onClick as ((e: typeof event) => void) | undefined)?.(event);
        go(href);
      }}
    >
      {children}
    </a>
  );
}
