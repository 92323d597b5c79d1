import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/app.css";
import "./styles/sign-in.css"; // here, so that the screen waits for its script only

import { render } from "preact";

import { start } from "./commands/account";
import { keepApp } from "./commands/update";
import { whenIdle } from "./parts/lazily";
import { App } from "./screens/app";

render(<App />, document.getElementById("app")!);
void start();
// The service worker fetches the whole app: after what the first paint needs.
addEventListener("load", () => whenIdle(() => void keepApp().catch(() => {})));
