// @ts-check
// One step of the backward pass, explained.

/** @param {Model} model @param {Store} store @param {BackwardEvent} event */
function backwardParts(model, store, event) {
  const hides = isHidden(model, store.state);
  const scalar = event.local !== null && oneNumber(event.adds) !== null;
  const source = model.nodes[event.from];
  const root = model.nodes[model.root];
  const node = model.nodes[event.to];
  const { position, count } = placeOf(model, event);
  return [
    make("p.lead", {}, "slope of ", nameOf(root), " with respect to ", nameOf(node), count > 1 && [" ", make("span.tag", {}, `contribution ${position} of ${count}`)]),
    scalar ? productBox(model, event, hides) : ruleBox(model, event, hides),
    hides ? predictBox(model, store, event) : [
      make("div.row", {}, term("upstream"), scalar ? "×" : "→", term("local derivative", scalar ? "local" : "local rule"), scalar ? "=" : "→", term("contribution")),
      scalar && inPlainWords(model, event),
      !scalar && mapParts(model, event),
      make("h3", {}, "The gradient of ", nameOf(node)),
      sumTable(model, event),
    ],
    make("h3", {}, "The operation that is passed"),
    opCard(model, source, event),
    !hides && explodeParts(model, event),
  ];
}

/** `∂L/∂c += ∂L/∂e × ∂e/∂c`, then in numbers. @param {Model} model @param {BackwardEvent} event @param {boolean} hides */
function productBox(model, event, hides) {
  const [root, source, node] = [model.nodes[model.root], model.nodes[event.from], model.nodes[event.to]];
  const upstream = oneNumber(upstreamOf(model, event)) ?? NaN;
  const local = /** @type {number} */ (event.local);
  const x = /** @type {number} */ (oneNumber(event.adds));
  return make("div.equation", {},
    make("div", {}, slopeOf(root, node), "+=", slopeOf(root, source), "×", slopeOf(source, node)),
    make("div.number", {}, `= ${factor(upstream)} × ${factor(local)}`),
    make("div.result", {}, "= ", hides ? make("span", {}, "?") : make(`span.number.${signOf(x)}`, {}, signedText(x))));
}

/** The contribution as a formula of arrays. @param {Model} model @param {BackwardEvent} event @param {boolean} hides */
function ruleBox(model, event, hides) {
  const [root, source, node] = [model.nodes[model.root], model.nodes[event.from], model.nodes[event.to]];
  const upstream = upstreamOf(model, event);
  const used = usedInputs(model, event);
  const shapes = [upstream, ...used.map((n) => n.value)].filter((f) => f !== null).map((f) => shapeOf(/** @type {Figure} */ (f)));
  return make("div.equation", {},
    make("div", {}, slopeOf(root, node), "+=", event.rule ? make("code", {}, event.rule) : ["what ", make("code", {}, source.op), " makes of ", slopeOf(root, source)]),
    make("div.muted", {}, hides ? `${shapes.join(" · ")} → ?` : `${shapes.join(" · ")} → ${shapeOf(event.adds)}`),
    !hides && make("div.result", {}, "= ", signedFigure(event.adds)));
}

/** @param {Figure} f */
function shapeOf(f) {
  return typeof f === "number" || !f.shape.length ? "one number" : f.shape.length === 1 ? `(${f.shape[0]})` : shapeText(f.shape);
}

/** Inputs whose values the rule uses. @param {Model} model @param {BackwardEvent} event */
function usedInputs(model, event) {
  const source = model.nodes[event.from];
  const words = new Set(event.rule.match(/[A-Za-z_]\w*/g) ?? []);
  return source.inputs.filter(([, slot]) => words.has(source.arguments[slot])).map(([key]) => model.nodes[key]).concat(words.has("y") ? [source] : []);
}

/** @param {Model} model @param {BackwardEvent} event */
function inPlainWords(model, event) {
  const [root, source, node] = [model.nodes[model.root], model.nodes[event.from], model.nodes[event.to]];
  const upstream = oneNumber(upstreamOf(model, event)) ?? NaN;
  const x = /** @type {number} */ (oneNumber(event.adds));
  if (!Number.isFinite(x)) return make("p.note.alarm", {}, `The product is ${numberText(x)}: from here on it spreads to everything before.`);
  const times = (/** @type {number} */ y) => make("strong", {}, `${numberText(y)} times`);
  return make("p", {}, "Change ", nameOf(node), " a little: ", nameOf(source), " changes ", times(/** @type {number} */ (event.local)), " as much, and ", nameOf(root), " ", times(upstream), " as much as ", nameOf(source), ". Together, by the ", term("chain rule"), ": ", times(x), ".");
}

/** Before, this edge, now; and the other contributions. @param {Model} model @param {BackwardEvent} event */
function sumTable(model, event) {
  const all = model.eventsInto[event.to];
  const { position, count } = placeOf(model, event);
  const before = position > 1 ? model.events[all[position - 2]].sum : null;
  const cell = (/** @type {Figure | null} */ f) => make("td", {}, f === null ? "0" : signedFigure(f));
  const row = (/** @type {string} */ kind, /** @type {Child} */ head, /** @type {Figure | null} */ f) => make(kind, {}, make("th", { scope: "row" }, head), cell(f));
  const rows = [row("tr", "before", before), row("tr.here", "this edge adds", event.adds), row("tr.now", "now", event.sum)];
  const others = count < 2 ? null : make("details", {}, make("summary", {}, `All ${count} contributions`), make("table.sums", {}, make("tbody", {}, all.slice(0, 100).map((index, i) => {
    const e = model.events[index];
    const done = i < position;
    return make(e === event ? "tr.here" : "tr", {}, make("th", { scope: "row" }, `${i + 1}. from `, nameOf(model.nodes[e.from])), done ? cell(e.adds) : make("td", {}, "to come"));
  }))));
  return [make("table.sums", {}, make("tbody", {}, rows)), others];
}

/** After the last step: what was found. @param {Model} model @param {(step: number) => void} go */
function endParts(model, go) {
  const { failure } = model;
  if (failure) return [make("p.note.alarm", {}, `The pass broke here: ${shortText(cleanText(failure.message), 400)}`)];
  const why = whyNoPass(model);
  if (why) return [make("p.note", {}, `There is no backward pass to show: ${why}.`)];
  if (!model.seed) return [make("p.note", {}, "There is no backward pass to show: it was not run. Call backward() on the result, or trace it, and look again.")];
  const found = model.nodes.filter((n) => !n.op && n.role !== "constant");
  return [
    make("h3", {}, "Done: the gradients of what was given"),
    make("ul.list.scroll", { tabindex: found.length > 8 ? 0 : null }, found.slice(0, 60).map((n) => make("li", {}, nameOf(n), n.gradient ? signedFigure(n.gradient) : make("span.muted", {}, n.missing || "none"))), found.length > 60 && make("li", {}, `… ${found.length - 60} more`)),
    make("div.row", {}, button("Again from the start", () => go(0))),
  ];
}
