// @ts-check
// Around the drawing: zoom buttons, the key to the view, the export, and the bars of gradients.

const FAINTEST = -8;
const STRONGEST = 2;
const MOST_BARS = 200;

/** @param {HTMLElement} element @param {Pane} pane */
function makeZoomButtons(element, pane) {
  element.append(make(
    "div.zoom", { role: "group", "aria-label": "Zoom" },
    button("+", () => pane.zoomBy(1.25), { "aria-label": "Zoom in", title: "Zoom in (+)" }),
    button("−", () => pane.zoomBy(0.8), { "aria-label": "Zoom out", title: "Zoom out (-)" }),
  ));
}

/**
 * What colours and widths mean in the present view.
 * @param {HTMLElement} element @param {Model} model
 * @returns {{show: (state: PageState, most: number) => void}}
 */
function makeKey(element, model) {
  const box = make("div.key");
  element.append(box);
  let last = "";
  return {
    show(state, most) {
      const name = state.view === "flow" ? `flow ${most}` : state.view;
      if (name === last) return;
      last = name;
      box.replaceChildren(...keyParts(model, state.view, most));
    },
  };
}

/** @param {Model} model @param {PageState["view"]} view @param {number} most @returns {Node[]} */
function keyParts(model, view, most) {
  if (!model.seed && view !== "values") return [make("span", {}, "There was no backward pass.")];
  if (view === "heat") {
    const cells = [0, 4, 8, 12, 16, 20].map((k) => svgMake(`rect.heat-${k}`, { x: k * 4, y: 0, width: 16, height: 12 }));
    return [
      make("span", {}, "‖gradient‖ 1e−8"),
      svgMake("svg", { width: 96, height: 12, "aria-hidden": "true" }, ...cells),
      make("span", {}, "1e2"),
    ];
  }
  if (view === "flow") return [make("span", {}, `Width of an edge: what it adds. Widest: ${numberText(most)}`)];
  if (view === "gradients") {
    return [make("span.plus", {}, "▲ the result grows with it"), make("span.minus", {}, "▼ the result shrinks as it grows")];
  }
  return [];
}

// ── Gradient bars ───────────────────────────────────────────────────────────────────────

/** @typedef {{full: string, keys: number[], first: number, events: number[]}} StripBar */

/**
 * The layers that learn, or else the parameters, or else the groups.
 * @param {Model} model @returns {StripBar[]}
 */
function stripBars(model) {
  const bar = (/** @type {string} */ name, /** @type {number[]} */ keys, /** @type {number[]} */ inside) => {
    const events = eventsOfNodes(model, keys);
    const starts = inside.flatMap((key) => model.eventsFrom[key].slice(0, 1));
    const first = Math.min(...(starts.length ? starts : events.slice(0, 1)));
    return { full: name, keys, events, first };
  };
  const isParameter = (/** @type {number} */ key) => model.nodes[key].role === "parameter";
  const layers = model.groups.filter((g) => g.kind === "module" && g.nodes.some(isParameter));
  if (layers.length) return layers.map((g) => bar(groupName(g), g.nodes.filter(isParameter), nodesBelow(model, g)));
  let keys = model.nodes.filter((n) => n.role === "parameter").map((n) => n.key);
  if (!keys.length) keys = model.nodes.filter((n) => n.role === "input").map((n) => n.key);
  return keys.map((key) => bar(nodeName(model.nodes[key]), [key], []));
}

/**
 * Short names of paths: `encoder.blocks.0.attn` is `e.0.attn`. Of the parts before the last the
 * numbers are kept, and the first letters of words, unless a number follows and tells enough.
 * @param {string[]} names @param {number} limit @returns {string[]}
 */
function shortPaths(names, limit) {
  const short = (/** @type {boolean} */ bare) => names.map((name) => {
    const parts = name.split(".");
    const last = parts.pop() ?? "";
    const before = parts.map((part, k) =>
      /^\d+$/.test(part) ? part : bare && /^\d+$/.test(parts[k + 1] ?? "") ? "" : Array.from(part)[0] ?? "");
    return shortText([...before.filter(Boolean), last].join("."), limit);
  });
  const found = short(true);
  return new Set(found).size === names.length ? found : short(false);
}

/** @param {number} norm @returns {number} share of the axis, from 0 to 1 */
function barHeight(norm) {
  if (!(norm > 0)) return 0;
  return Math.max(0.02, Math.min(1, (Math.log10(norm) - FAINTEST) / (STRONGEST - FAINTEST)));
}

/**
 * One bar for each layer, as high as its gradient is strong; a click goes to its first step.
 * @param {HTMLElement} element @param {Model} model @param {Store} store
 */
function makeStrip(element, model, store) {
  if (!model.seed) return;
  const bars = stripBars(model).filter((b) => Number.isFinite(b.first)).slice(0, MOST_BARS);
  if (!bars.length) return;
  const names = shortPaths(bars.map((bar) => bar.full), bars.length > 8 ? 8 : 14);
  const views = bars.map((bar, k) => {
    const fill = svgMake("rect.fill", { x: 0, width: 100, y: 100, height: 0 });
    const chart = svgMake("svg.bar", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" }, fill);
    const number = make("span.number");
    const told = make("span.unseen");
    const own = make(
      "button.strip-bar", { type: "button", title: shortText(bar.full, 300), onclick: () => store.set({ step: stepOfEvent(model, bar.first) }) },
      make("span.name", {}, names[k]), make("span.unseen", {}, ": gradient norm "), number, told, chart,
    );
    return { bar, fill, number, told, own, painted: -2 };
  });
  const axis = make("div.strip-axis", { "aria-hidden": "true" }, make("span", {}, "1e2"), make("span", {}, "1e−3"), make("span", {}, "1e−8"));
  element.append(make(
    "div.strip", { role: "group", "aria-label": "Gradient norm of each layer, on a logarithmic scale" },
    axis, make("div.strip-bars", { tabindex: bars.length > 8 ? 0 : null }, ...views.map((v) => v.own)),
  ));
  const paint = () => {
    const { state } = store;
    const step = isHidden(model, state) ? state.step - 1 : state.step;
    for (const view of views) {
      const done = step < model.seed ? -1 : countBelow(view.bar.events, step - model.seed);
      if (done === view.painted) continue;
      view.painted = done;
      const norm = normTogether(model, view.bar.keys, step);
      const share = norm === null ? 0 : Number.isFinite(norm) ? barHeight(norm) : 1;
      view.fill.setAttribute("y", String(100 - 100 * share));
      view.fill.setAttribute("height", String(100 * share));
      view.fill.setAttribute("class", `fill ${norm === null ? "" : heatClass(norm)}`);
      const word = norm === null ? "" : normWord(norm);
      view.number.textContent = norm === null ? "·" : numberText(norm, 2);
      view.own.classList.toggle("odd", norm !== null && (!Number.isFinite(norm) || word !== ""));
      view.told.textContent = `${norm === null ? ", not known yet" : word && `, ${word}`}. Go to its first step`;
    }
  };
  store.subscribe(paint);
  paint();
}

// ── Export ──────────────────────────────────────────────────────────────────────────────

const EXPORTED = ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-family", "font-size", "font-weight", "opacity"];

/** The drawing as a file of its own, with every colour written out. @param {Element} svg @param {Drawing} drawing */
function exportedSvg(svg, drawing) {
  const copy = /** @type {SVGElement} */ (svg.cloneNode(true));
  const from = [...svg.querySelectorAll("*")];
  /** @type {Element[]} */
  const gone = [];
  [...copy.querySelectorAll("*")].forEach((element, k) => {
    const style = getComputedStyle(from[k]);
    if (style.display === "none" && element.closest("defs") === null) gone.push(element);
    else if (element.matches("path, rect, circle, text")) {
      for (const name of EXPORTED) element.setAttribute(name, style.getPropertyValue(name));
      if (style.markerStart !== "none") element.setAttribute("marker-start", idOnly(style.markerStart));
      if (style.markerEnd !== "none") element.setAttribute("marker-end", idOnly(style.markerEnd));
    }
    for (const name of ["role", "tabindex", "aria-label", "aria-expanded", "aria-current", "aria-hidden", "class", "style"]) element.removeAttribute(name);
  });
  for (const element of gone) element.remove();
  const room = 20;
  const [width, height] = [drawing.width + 2 * room, drawing.height + 2 * room];
  const world = copy.querySelector(":scope > g");
  world?.setAttribute("transform", `translate(${room} ${room})`);
  const ground = svgMake("rect", { width, height, fill: getComputedStyle(document.body).backgroundColor });
  copy.insertBefore(ground, world);
  for (const name of [...copy.attributes].map((a) => a.name)) copy.removeAttribute(name);
  for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}`, role: "img" })) copy.setAttribute(name, String(value));
  const title = svgMake("title", {}, svg.getAttribute("aria-label")?.split(":")[0] ?? "Graph");
  copy.prepend(title);
  return `${new XMLSerializer().serializeToString(copy)}\n`;
}

/** @param {string} reference @returns {string} without the address of the page */
function idOnly(reference) {
  return reference.replace(/url\(.*#([\w-]+)"?\)/, "url(#$1)");
}
