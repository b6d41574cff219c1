// @ts-check
// The page: its parts, and what goes from one to the other.

/** @param {Model} model @returns {PageState} */
function firstState(model) {
  const { options } = model;
  const hash = readHash(location.hash, model);
  const level = LEVELS.find((l) => l === options.level) ?? "scalar";
  return {
    step: 0, view: "values", level, open: openAt(model, hash.level ?? "first"), selected: null, follow: true,
    granularity: "edge", theme: THEMES.slice(1).find((t) => t === options.theme) ?? keptTheme() ?? "auto", predict: false, revealed: -1,
    ...(Number.isInteger(options.step) ? { step: Math.max(0, Math.min(model.steps, options.step)) } : {}),
    ...hash,
  };
}

/** Title, and what the page holds. @param {Model} model */
function showTitle(model) {
  const root = model.nodes[model.root];
  const title = model.options.title ? [shortText(cleanText(model.options.title), 80)] : model.failure?.phase === "forward" ? [`A pass that broke${model.failure.op ? ` in ${shortText(cleanText(model.failure.op), 24)}` : ""}`] : ["Backward pass of ", nameOf(root)];
  byId("title").append(...title);
  const parts = [`${model.total} node${model.total === 1 ? "" : "s"}`, `${model.uses.length} use${model.uses.length === 1 ? "" : "s"}`];
  const modules = model.groups.filter((g) => g.kind === "module").length;
  if (modules) parts.push(`${modules} module call${modules === 1 ? "" : "s"}`);
  const kept = model.nodes.filter((n) => n.name || n.role !== "constant").length;
  if (model.total > kept) parts.push(`${model.total - kept} not in this trace`);
  const why = whyNoPass(model);
  if (why) parts.push(`no backward pass: ${why}`);
  else if (!model.seed) parts.push("not yet run backward");
  else if (!model.observed) parts.push("gradients as earlier passes left them");
  byId("about").textContent = parts.join(" · ");
}

/** A select, checkbox or group of buttons that shows one field of the state. @param {Model} model @param {Store} store */
function bindFields(model, store) {
  const words = { module: "modules", op: "operations", scalar: model.nodes.length > MOST_BOXES ? `up to ${MOST_BOXES} boxes` : "everything" };
  for (const level of LEVELS) byId("level").append(make("option", { value: level }, words[level]));
  byId("level").addEventListener("change", () => setLevel(model, store, byId("level").value));
  const views = VIEWS.map((view) => button(view[0].toUpperCase() + view.slice(1), () => store.set({ view })));
  byId("views").append(...views);
  byId("granularity").addEventListener("change", () => store.set({ granularity: byId("granularity").value }));
  byId("theme").addEventListener("click", () => nextTheme(store));
  for (const name of /** @type {const} */ (["follow", "predict"])) byId(name).addEventListener("change", () => store.set({ [name]: byId(name).checked }));
  const show = () => {
    const { state } = store;
    byId("level").value = state.level;
    byId("granularity").value = state.granularity;
    byId("follow").checked = state.follow;
    byId("predict").checked = state.predict;
    VIEWS.forEach((view, i) => views[i].setAttribute("aria-pressed", String(view === state.view)));
    showTheme(state.theme);
  };
  store.subscribe(show);
  show();
}

/** @param {Model} model @param {Store} store @param {PageState["level"]} level */
function setLevel(model, store, level) {
  store.set({ level, open: openAt(model, level) });
}

/** @param {Store} store */
function nextTheme(store) {
  store.set({ theme: themeAfter(store.state.theme) });
}

/**
 * @param {Model} model @param {Store} store @param {Graph} graph @param {ReturnType<typeof makeTransport>} transport
 * @param {{help: () => void, find: () => void}} open
 */
function bindKeys(model, store, graph, transport, open) {
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowRight: () => transport.beside(1), ArrowLeft: () => transport.beside(-1),
    ArrowDown: () => transport.beside(1, "node"), ArrowUp: () => transport.beside(-1, "node"),
    Home: () => transport.go(0), End: () => transport.go(Infinity), " ": transport.play,
    c: () => store.set({ level: "module", open: new Set([model.groups[0].key]) }),
    f: graph.fit, 0: graph.fit, "+": () => graph.zoomBy(1.25), "=": () => graph.zoomBy(1.25), "-": () => graph.zoomBy(0.8),
    p: () => store.set({ predict: !store.state.predict }), t: () => nextTheme(store), "?": open.help, "/": open.find,
  };
  VIEWS.forEach((view, i) => (keys[i + 1] = () => store.set({ view })));
  /** @type {Record<string, [number, number]>} */
  const pans = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 80], ArrowDown: [0, -80] };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || byId("help-dialog").open) return;
    const at = /** @type {HTMLElement} */ (event.target);
    const typing = at.matches("input:not([type=range], [type=checkbox]), select, textarea");
    if (typing || (event.key === " " && at.closest("button, summary, a, input"))) return;
    if (at.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
    const pan = event.shiftKey ? pans[event.key] : null;
    const act = pan ? () => graph.panBy(...pan) : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function start() {
  const model = parseTrace(JSON.parse(byId("trace").textContent));
  const store = makeStore(firstState(model));
  showTitle(model);
  bindFields(model, store);
  const graph = makeGraph(byId("graph"), model, store);
  makeStrip(byId("strip"), model, store);
  const transport = makeTransport(model, store);
  const speak = makeSpeaker(byId("live"));
  const inside = (/** @type {number} */ step) => {
    const range = graph.insideRange(step);
    return range ? `step${range.first === range.last ? "" : "s"} ${range.first === range.last ? range.first : `${range.first}–${range.last}`} inside ${shortText(cleanText(range.title), 60)}` : "";
  };
  makePanel(byId("panel"), model, store, transport.go, inside);
  const show = (/** @type {number} */ key) => {
    store.set({ selected: key });
    graph.reveal(graph.visiblePartOf(key));
  };
  makeAlarms(byId("alarms"), model, (alarm) => {
    transport.stop();
    if (alarm.step >= 0) transport.go(alarm.step);
    if (alarm.node !== null) show(alarm.node);
  });
  const find = makeFind(model, show, speak);
  makeSaving(model, graph);
  keepHash(model, store);
  onTheme(repaintMaps);
  byId("fit").addEventListener("click", graph.fit);
  bindKeys(model, store, graph, transport, { help: makeHelp(), find });
  graph.resize();
  store.subscribe((state, before) => {
    if (state.step === before.step) return;
    if (state.predict && before.revealed >= 0 && state.revealed !== state.step) store.set({ revealed: -1 });
    speak(`Step ${state.step}. ${stepInWords(model, state.step, isHidden(model, state))}`);
  });
}

start();
