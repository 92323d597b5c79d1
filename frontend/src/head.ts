// Runs in the head, before the first paint and before the rest has arrived.
const scripts = document.currentScript?.dataset; // none while Vite serves it
let next = scripts?.["signIn"];
try {
  const theme = localStorage.getItem("duly-theme");
  // Without this, a chosen theme would flash in the other one.
  if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
  if (localStorage.getItem("duly-account")) next = scripts?.["list"];
} catch {
  // Without storage, the system's theme holds.
}
// What the start will ask for arrives together with it.
if (next) {
  const link = document.createElement("link");
  link.rel = "modulepreload";
  link.crossOrigin = "";
  link.href = next;
  document.head.append(link);
}
