import "../styles/pages.css";

import { store } from "../commands/app";
import { Unverified } from "./unverified";
import { Vanished } from "./vanished";

/** What a person has to know before the screen below. */
export function Notices() {
  return store().status.value.state === "unverified" ? <Unverified /> : <Vanished />;
}
