// @ts-check
// The explanation beside the graph: what happens at the present step, in words and numbers.

/** Name as an element, so that a name in a right-to-left script moves nothing around it. @param {TraceNode} node @param {number} [limit] */
function nameOf(node, limit = 24) {
  const name = nodeName(node);
  const shown = shortText(name, limit);
  return make("bdi", { title: shown === name ? null : name.slice(0, 500) }, shown);
}

/** `∂L/∂a`. @param {TraceNode} top @param {TraceNode} below */
function slopeOf(top, below) {
  return make("span.frac", {}, "∂", nameOf(top, 16), "/∂", nameOf(below, 16));
}

/** The one number that a figure is, or null. @param {Figure | null} f @returns {number | null} */
function oneNumber(f) {
  if (f === null || typeof f === "number") return f;
  return f.shape.length === 0 && f.elements ? f.elements[0] : null;
}

/** A figure in a line: a number with its sign's mark, an array by its norm. @param {Figure} f */
function signedFigure(f) {
  const x = oneNumber(f);
  if (x !== null) return make(`span.number.${signOf(x)}`, {}, signedText(x));
  return make("span.number", {}, `${shapeText(/** @type {Summary} */ (f).shape)}, norm ${numberText(figureNorm(f))}`);
}

/** A number as a factor: in parentheses if it has a sign. @param {number} x */
function factor(x) {
  return x < 0 ? `(${numberText(x)})` : numberText(x);
}

/** Static arguments, an index as `[:, 1:]`. @param {TraceNode} node */
function staticTexts(node) {
  return node.params.map(([k, text]) => cleanText(k === "key" ? text : `${k}=${text}`));
}

/** An operation applied to its inputs: `a × b`, `sum(x, axis=0)`. @param {Model} model @param {TraceNode} node @returns {Child[]} */
function callOf(model, node) {
  const inputs = node.inputs.map(([key]) => nameOf(model.nodes[key]));
  const sign = OP_SIGNS[node.op];
  if (sign && inputs.length === 2) return [inputs[0], ` ${sign} `, inputs[1]];
  if (sign && inputs.length === 1) return [sign, inputs[0]];
  const params = staticTexts(node).map((text) => shortText(text, 24));
  /** @type {Child[]} */
  const listed = inputs.flatMap((input, i) => (i ? [", ", input] : [input]));
  if (node.leftOut) listed.push(`, … ${node.leftOut} more`);
  if (params.length) listed.push(`${listed.length ? ", " : ""}${params.join(", ")}`);
  return [`${node.op}(`, ...listed, ")"];
}

/** The same with numbers, where all inputs are numbers. @param {Model} model @param {TraceNode} node */
function callInNumbers(model, node) {
  const xs = node.inputs.map(([key]) => oneNumber(model.nodes[key].value));
  if (!xs.length || xs.length > 6 || xs.some((x) => x === null)) return "";
  const numbers = /** @type {number[]} */ (xs);
  const sign = OP_SIGNS[node.op];
  if (sign && numbers.length === 2) return `${numberText(numbers[0])} ${sign} ${factor(numbers[1])}`;
  if (sign && numbers.length === 1) return `${sign}${factor(numbers[0])}`;
  return `${node.op}(${numbers.map((x) => numberText(x)).join(", ")})`;
}

/** What a step is called. @param {Model} model @param {number} step @returns {Child[]} */
function headingOf(model, step) {
  const { phase, node, event } = stepInfo(model, step);
  if (phase === "start" || !node) return ["Before the first step"];
  if (phase === "seed") return ["Start at ", nameOf(node)];
  if (event) return ["From ", nameOf(model.nodes[event.from]), " back to ", nameOf(node)];
  if (node.op) return ["Compute ", nameOf(node)];
  const word = ROLE_WORDS[node.role];
  return [word[0].toUpperCase() + word.slice(1), " ", nameOf(node)];
}

/** A step in one line, for print and for those who listen. @param {Model} model @param {number} step @param {boolean} [hides] */
function stepInWords(model, step, hides = false) {
  const { phase, node, event } = stepInfo(model, step);
  const line = (/** @type {Child[]} */ ...parts) => make("p", {}, ...parts).textContent ?? "";
  const heading = line(...headingOf(model, step));
  if (!node) return `${heading}.`;
  if (phase === "seed") return `${heading}: ${line(slopeOf(node, node))} = 1.`;
  if (!event) return `${heading}: ${node.op ? `${line(...callOf(model, node))} = ` : ""}${figureText(node.value)}.`;
  if (hides) return `${heading}: what does it add?`;
  const root = model.nodes[model.root];
  const product = event.local === null ? "" : ` = ${factor(/** @type {any} */ (oneNumber(upstreamOf(model, event)) ?? NaN))} × ${factor(event.local)}`;
  const { position, count } = placeOf(model, event);
  const sum = count > 1 ? `, contribution ${position} of ${count}; so far ${line(signedFigure(event.sum))}` : "";
  return `${heading}: ${line(slopeOf(root, node))} += ${line(signedFigure(event.adds))}${product}${sum}.`;
}

/** @param {Model} model @param {BackwardEvent} event @returns {Figure | null} */
function upstreamOf(model, event) {
  return model.nodes[event.from].gradient;
}

/** Which of the contributions to its node an event is, from 1. @param {Model} model @param {BackwardEvent} event */
function placeOf(model, event) {
  const all = model.eventsInto[event.to];
  return { position: all.indexOf(event.index) + 1, count: all.length };
}

/** Whether the product of the present step is the reader's to find. @param {Model} model @param {PageState} state */
function isHidden(model, state) {
  return state.predict && state.revealed !== state.step && stepInfo(model, state.step).phase === "backward";
}

/** Everything known of an operation: formula, doc, inputs, where it was called. @param {Model} model @param {TraceNode} node @param {BackwardEvent | null} event */
function opCard(model, node, event) {
  const scope = node.scope === null ? null : model.scopes[node.scope];
  /** @type {[string, Child[]][]} */
  const rows = [];
  if (event && event.rule) rows.push(["Derivative rule for this input", [make("code", {}, event.rule), ...legend(model, node, event.rule)]]);
  const shown = node.inputs.slice(0, 8);
  if (shown.length) {
    rows.push(["Inputs", [make("ul", {}, shown.map(([key]) => {
      const input = model.nodes[key];
      const x = input.value;
      const shape = typeof x === "number" ? "" : shapeText(x.shape);
      return make("li", {}, input.name ? [nameOf(input), " = "] : "", shape ? `${shape}: ` : "", make("span.number", {}, figureText(x)), input.role === "constant" ? " (constant)" : "");
    }), node.inputs.length > 8 ? make("li", {}, `… ${node.inputs.length - 8} more`) : null)]]);
  }
  if (node.params.length) rows.push(["Static arguments", [make("code", {}, shortText(staticTexts(node).join(", "), 200))]]);
  if (scope) rows.push(["Module", [make("bdi", {}, `${shortText(cleanText(scope.path), 60) || "the model"}`), ` ${cleanText(scope.kind)}`, scope.call ? `, call ${scope.call + 1}` : ""]]);
  if (node.line) rows.push(["Called at", [make("code", {}, shortText(cleanText(node.line), 80))]]);
  return make("div.card", {},
    make("div.head", {}, make("strong", {}, nameOf(node), " = ", ...callOf(model, node)), make("span.tag", {}, node.op)),
    node.doc && make("p.muted", {}, shortText(node.doc.replaceAll("`", ""), 400)),
    rows.length > 0 && make("dl", {}, rows.flatMap(([name, what]) => [make("dt", {}, name), make("dd", {}, ...what)])));
}

/** What the letters of a rule stand for. @param {Model} model @param {TraceNode} node @param {string} rule @returns {Child[]} */
function legend(model, node, rule) {
  const words = new Set(rule.match(/[A-Za-z_]\w*/g) ?? []);
  const root = model.nodes[model.root];
  /** @type {Child[]} */
  const found = [];
  const add = (/** @type {string} */ letter, /** @type {Child} */ what) => found.push(make("span", {}, found.length ? ", " : " where ", make("code", {}, letter), " is ", what));
  if (words.has("g")) add("g", slopeOf(root, node));
  if (words.has("y")) add("y", nameOf(node));
  for (const [key, slot] of node.inputs) {
    // As the rules call them: `g` and `y` have a meaning of their own.
    const name = (node.arguments[slot] ?? `x${slot + 1}`).replace(/^[gy]$/, "$&_");
    if (words.has(name) && model.nodes[key].name !== name) add(name, nameOf(model.nodes[key]));
  }
  return found;
}

/** @param {string} word @param {string} text */
function fact(word, text) {
  return make("li", {}, make("span.muted", {}, word), make("span.number", {}, text));
}

/** A figure in full: a number, or what is known of an array. @param {Figure} f */
function figureList(f) {
  if (typeof f === "number") return make("ul.list", {}, fact("number", numberText(f, 6)));
  return make("ul.list", {},
    fact("shape", f.shape.length ? f.shape.join("×") : "one number"), fact("type", f.dtype),
    f.size > 1 && fact("mean ± deviation", `${numberText(f.mean)} ± ${numberText(f.deviation)}`),
    f.size > 1 && fact("range", `${numberText(f.low)} to ${numberText(f.high)}`),
    f.size > 1 && fact("norm ‖·‖", numberText(f.norm)),
    f.size === 1 && f.elements && fact("number", numberText(f.elements[0], 6)),
    f.zeros > 0 && fact("zeros", `${f.zeros} of ${f.size}`), f.nans > 0 && fact("NaN", `${f.nans} of ${f.size}`), f.infs > 0 && fact("infinite", `${f.infs} of ${f.size}`));
}

/** @param {Model} model @param {TraceNode} node */
function forwardParts(model, node) {
  const numbers = callInNumbers(model, node);
  return [
    make("p.lead", {}, node.op ? `Forward: an operation makes ${node.role === "result" ? "the result" : "a new value"}.` : "Forward: given, not computed."),
    make("div.equation.quiet", {},
      node.op ? [make("div", {}, make("span", {}, nameOf(node), " = ", ...callOf(model, node))), numbers && make("div", {}, `= ${numbers}`), make("div.result", {}, `= ${figureText(node.value)}`)]
        : make("div.result", {}, make("span", {}, nameOf(node), ` = ${figureText(node.value)}`))),
    node.changed && make("p.note.alarm", {}, "It was written after it was used: what was computed from it does not show the number here."),
    oneNumber(node.value) === null && [make("div.maps", {}, heatmap("value", node.value)), figureList(node.value)],
    node.op && [make("h3", {}, "The operation"), opCard(model, node, null)],
  ];
}

/** @param {Model} model @param {TraceNode} node */
function seedParts(model, node) {
  return [
    make("p.lead", {}, "The backward pass begins here."),
    make("div.equation", {}, make("div", {}, slopeOf(node, node), make("span.result", {}, "= 1"))),
    make("p", {}, "A change of ", nameOf(node), " changes ", nameOf(node), " exactly as much. From here each operation hands a ", term("gradient"), " to its inputs, by the ", term("chain rule"), "."),
  ];
}

/** @param {Model} model @param {(step: number) => void} go */
function startParts(model, go) {
  const root = model.nodes[model.root];
  const leaves = model.nodes.filter((n) => !n.op && n.role !== "constant");
  const told = model.observed ? "" : " The gradients are those that earlier passes left behind.";
  return [
    model.seed
      ? make("p", {}, "First the values are computed, one node a step. Then the backward pass finds how ", nameOf(root), ` changes with each of them, one use a step.${told}`)
      : make("p", {}, "The values are computed, one node a step."),
    make("div.row", {}, button("First step", () => go(1)), model.seed > 0 && button("To the backward pass", () => go(model.seed))),
    make("h3", {}, `Given: ${leaves.length} input${leaves.length === 1 ? "" : "s"} and parameters`),
    make("ul.list.scroll", { tabindex: leaves.length > 8 ? 0 : null }, leaves.slice(0, 60).map((n) => make("li", {}, nameOf(n), make("span.number", {}, figureText(n.value)))), leaves.length > 60 && make("li", {}, `… ${leaves.length - 60} more`)),
  ];
}

/** What is known of a node that was chosen in the graph. @param {Model} model @param {Store} store @param {TraceNode} node @param {(step: number) => void} go */
function chosenParts(model, store, node, go) {
  const { step } = store.state;
  const gradient = isHidden(model, store.state) && stepInfo(model, step).node === node ? null : gradientAt(model, node.key, step);
  const into = model.eventsInto[node.key];
  const done = countBelow(into, model.seed ? step - model.seed : 0);
  return [
    make("h3.chosen", {}, "Chosen: ", nameOf(node), ` (${ROLE_WORDS[node.role]})`),
    make("div.card", {},
      make("dl", {},
        make("dt", {}, "Value"), make("dd", {}, node.key < step ? figureText(node.value) : "comes in a later step"),
        make("dt", {}, "Gradient ", slopeOf(model.nodes[model.root], node)),
        make("dd", {}, gradient ? [signedFigure(gradient), into.length > 1 ? ` (${done} of ${into.length} contributions)` : ""] : node.missing || (model.seed ? "nothing has arrived yet" : "not yet run backward"))),
      make("div.row", {}, button("Step of its value", () => go(node.key + 1)), into.length > 0 && button("First step of its gradient", () => go(stepOfEvent(model, into[0]))), button("Done", () => store.set({ selected: null })))),
    node.op && opCard(model, node, null),
  ];
}

/**
 * @param {HTMLElement} element @param {Model} model @param {Store} store
 * @param {(step: number) => void} go @param {(step: number) => string} inside  words about a collapsed module
 */
function makePanel(element, model, store, go, inside) {
  let scrolled = false;
  element.addEventListener("scroll", () => { scrolled = true; }, { passive: true });
  const show = (/** @type {PageState} */ state, /** @type {PageState | null} */ before) => {
    const moved = !before || before.step !== state.step;
    const same = before && !moved && before.selected === state.selected && before.predict === state.predict && before.open === state.open && before.revealed === state.revealed;
    if (same) return;
    const { phase, node, event } = stepInfo(model, state.step);
    const held = element.contains(document.activeElement) && document.activeElement !== element;
    const within = inside(state.step);
    const parts = [
      make("h2", {}, ...headingOf(model, state.step)),
      within && make("p.muted", {}, within),
      ...(phase === "start" || !node ? startParts(model, go) : event ? backwardParts(model, store, event) : phase === "seed" ? seedParts(model, node) : forwardParts(model, node)),
      state.step === model.steps && endParts(model, go),
      state.selected !== null && chosenParts(model, store, model.nodes[state.selected], go),
    ].flat(3);
    element.replaceChildren(.../** @type {any} */ (parts.filter((p) => p)));
    if (moved && scrolled) element.scrollTop = 0;
    if (moved) scrolled = false;
    if (before && before.selected !== state.selected) element.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
    if (held) /** @type {HTMLElement} */ (element.querySelector("[data-keep]") ?? element).focus({ preventScroll: true });
  };
  store.subscribe(show);
  show(store.state, null);
}
