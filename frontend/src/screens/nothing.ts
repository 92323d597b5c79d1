import { lazily } from "../parts/lazily";

/** For an address without a screen, or of something that is gone. */
export const Nothing = lazily(() => import("./nothing-here").then((part) => part.NothingHere));
