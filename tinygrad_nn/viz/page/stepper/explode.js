// @ts-check
// One tensor operation as the scalar products that it stands for: Σ over i of g_i × J_ij.

/** @param {Model} model @param {BackwardEvent} event */
function explodeParts(model, event) {
  const jacobian = model.jacobians.find((j) => j.from === event.from && j.slot === event.slot);
  const upstream = upstreamOf(model, event);
  const g = numbersOf(upstream);
  const adds = numbersOf(event.adds);
  if (!jacobian || !g || !adds) return null;
  const box = /** @type {HTMLDetailsElement} */ (make("details"));
  const place = make("div");
  box.append(make("summary", {}, "Explode to scalars"), place);
  const products = productsOf(jacobian.entries, g);
  const show = (/** @type {number} */ j) => {
    const kept = place.contains(document.activeElement);
    place.replaceChildren(...explosion(model, event, products, g, adds, j, show));
    if (kept) /** @type {HTMLElement} */ (place.querySelector("input, select"))?.focus();
  };
  box.addEventListener("toggle", () => box.open && !place.firstChild && show(0));
  return [make("h3", {}, "Element by element"), box];
}

/** @param {Figure | null} f @returns {number[] | null} all numbers of a small figure */
function numbersOf(f) {
  return f === null ? null : typeof f === "number" ? [f] : f.elements;
}

/**
 * Products by element of the input.
 * @param {[number, number, number | string][]} entries @param {number[]} g
 * @returns {Map<number, {i: number, d: number, x: number}[]>}
 */
function productsOf(entries, g) {
  /** @type {Map<number, {i: number, d: number, x: number}[]>} */
  const found = new Map();
  for (const [i, j, raw] of entries) {
    const d = readNumber(raw);
    if (!found.has(j)) found.set(j, []);
    found.get(j)?.push({ i, d, x: g[i] * d });
  }
  return found;
}

/**
 * @param {Model} model @param {BackwardEvent} event @param {Map<number, {i: number, d: number, x: number}[]>} products
 * @param {number[]} g @param {number[]} adds @param {number} j @param {(j: number) => void} show
 * @returns {HTMLElement[]}
 */
function explosion(model, event, products, g, adds, j, show) {
  const node = model.nodes[event.to];
  const source = model.nodes[event.from];
  const shapeAt = (/** @type {Figure} */ f) => (typeof f === "number" ? [] : f.shape);
  const input = /** @type {HTMLInputElement} */ (make("input", { type: "number", min: 0, max: adds.length - 1, value: j, "aria-label": "Element of the input" }));
  input.addEventListener("change", () => show(Math.max(0, Math.min(adds.length - 1, Math.round(Number(input.value) || 0)))));
  const own = products.get(j) ?? [];
  const sum = own.reduce((total, p) => total + p.x, 0);
  const rows = own.map((p) => make("tr", {},
    make("th", { scope: "row" }, make("code", {}, indexText(p.i, shapeAt(source.value)))),
    make("td", {}, numberText(g[p.i])), make("td", {}, numberText(p.d)), make(`td.${signOf(p.x)}`, {}, signedText(p.x))));
  return [
    make("p", {}, "Each element of ", nameOf(source), " that uses this element of ", nameOf(node), " hands it one product; the ", term("Jacobian"), " holds the factors."),
    make("div.row", {}, nameOf(node), make("code", {}, indexText(j, shapeAt(event.adds))), adds.length > 1 && make("label.field", {}, "element ", input)),
    /** @type {any} */ (fanDrawing(products, g.length, adds.length, j)),
    make("table.sums", {},
      make("thead", {}, make("tr", {}, ["via", "upstream", "× local", "= product"].map((t) => make("th", { scope: "col" }, t)))),
      make("tbody", {}, rows, make("tr.now", {}, make("th", { scope: "row", colspan: 3 }, `sum of ${own.length}`), make("td", { "data-sum": sum }, signedText(sum))),
        make("tr", {}, make("th", { scope: "row", colspan: 3 }, "by the rule for arrays"), make("td", { "data-rule": adds[j] }, signedText(adds[j]))))),
  ].filter((part) => part);
}

/**
 * Elements of the input to the left, of the result to the right, a line for each product.
 * @param {Map<number, {i: number, d: number, x: number}[]>} products @param {number} results @param {number} inputs @param {number} chosen
 */
function fanDrawing(products, results, inputs, chosen) {
  if (Math.max(results, inputs) > 32) return null;
  const space = "http://www.w3.org/2000/svg";
  const height = Math.max(results, inputs) * 14 + 10;
  const draw = (/** @type {string} */ tag, /** @type {Record<string, string | number>} */ attributes) => {
    const element = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    return element;
  };
  const svg = draw("svg", { viewBox: `0 0 280 ${height}`, class: "fan", role: "img", "aria-label": `${inputs} elements of the input, ${results} of the result, and the products between them` });
  const at = (/** @type {number} */ k, /** @type {number} */ n) => ((k + 0.5) * height) / n;
  const top = Math.max(...[...products.values()].flat().map((p) => Math.abs(p.x)).filter(Number.isFinite), 1e-300);
  for (const [j, list] of products) {
    for (const p of list) {
      svg.append(draw("line", { x1: 60, y1: at(j, inputs), x2: 220, y2: at(p.i, results), class: `${signOf(p.x)}${j === chosen ? " chosen" : ""}`, "stroke-width": j === chosen ? 1.2 + (3 * Math.abs(p.x)) / top || 1.2 : 0.8 }));
    }
  }
  for (let k = 0; k < inputs; k++) svg.append(draw("circle", { cx: 60, cy: at(k, inputs), r: k === chosen ? 5 : 3, class: k === chosen ? "chosen" : "" }));
  for (let k = 0; k < results; k++) svg.append(draw("circle", { cx: 220, cy: at(k, results), r: 3 }));
  return svg;
}
