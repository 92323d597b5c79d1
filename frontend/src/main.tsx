import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/app.css";

import { render } from "preact";

import { start } from "./commands/account";
import { keepApp } from "./commands/update";
import { App } from "./screens/app";

render(<App />, document.getElementById("app")!);
void start();
void keepApp().catch(() => {});
