// @ts-check
// The page as files and on paper.

/** @param {string} name @param {string} type @param {string} text */
function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const anchor = make("a", { href: address, download: name, hidden: true });
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** @param {Model} model @param {Graph} graph */
function makeSaving(model, graph) {
  const stem = nodeName(model.nodes[model.root]).replace(/[^\w-]+/g, "_").slice(0, 40) || "trace";
  const close = (/** @type {() => void} */ act) => () => {
    byId("menu").open = false;
    byId("menu").querySelector("summary").focus();
    act();
  };
  byId("save-svg").addEventListener("click", close(() => download(`${stem}.svg`, "image/svg+xml", graph.svgText())));
  byId("save-json").addEventListener("click", close(() => download(`${stem}.json`, "application/json", JSON.stringify(model.raw))));
  byId("print").addEventListener("click", close(() => attempt(() => print())));
  byId("menu").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") close(() => {})();
  });
  document.addEventListener("click", (event) => {
    if (!byId("menu").contains(event.target)) byId("menu").open = false;
  });
  const list = () => listSteps(model);
  addEventListener("beforeprint", list);
  matchMedia("print").addEventListener("change", list);
}

/** All steps in words for the printed page, at most 200. @param {Model} model */
function listSteps(model) {
  const list = byId("all-steps");
  if (list.firstChild) return;
  const last = Math.min(model.steps, 200);
  for (let step = 1; step <= last; step++) list.append(make("li", {}, stepInWords(model, step)));
  if (last < model.steps) list.append(make("li", {}, `… and ${model.steps - last} more steps, which the page shows.`));
}
