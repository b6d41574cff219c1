// @ts-check
// Arrays as small pictures: blue above 0, orange below, near the ground at 0, striped where not finite.

/**
 * Colours of the present theme, as red, green and blue.
 * @typedef {{plus: number[], zero: number[], minus: number[], ground: number[], alarm: number[], step: number[]}} Inks
 */

/** @returns {Inks} */
function inksNow() {
  const rgb = (/** @type {string} */ name) => (colourOf(name, true).match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
  return { plus: rgb("plus-fill"), zero: rgb("value-fill"), minus: rgb("minus-fill"), ground: rgb("ground"), alarm: rgb("alarm"), step: rgb("step") };
}

/** How each picture is painted: all of them once more when the theme is another. @type {WeakMap<Element, (inks: Inks) => void>} */
const PAINTED = new WeakMap();

function repaintMaps() {
  const inks = inksNow();
  for (const canvas of document.querySelectorAll("canvas")) PAINTED.get(canvas)?.(inks);
}

/**
 * A figure as a table of cells from -1 to 1, NaN where not finite; null if it cannot be shown.
 * @param {Figure} f @returns {{rows: number, columns: number, limit: number, cells: number[], exact: boolean} | null}
 */
function cellsOf(f) {
  if (typeof f === "number" || !f.size) return null;
  if (f.elements) {
    const columns = f.shape.length ? f.shape[f.shape.length - 1] : 1;
    const finite = f.elements.filter((x) => Number.isFinite(x));
    const limit = finite.reduce((top, x) => Math.max(top, Math.abs(x)), 0);
    return { rows: f.size / columns, columns, limit, cells: f.elements.map((x) => (Number.isFinite(x) ? x / (limit || 1) : NaN)), exact: true };
  }
  if (!f.picture) return null;
  const { rows, columns, limit } = f.picture;
  const bytes = atob(f.picture.cells);
  const cells = Array.from(bytes, (c) => ((c.charCodeAt(0) + 128) % 256) - 128).map((b) => (b === -128 ? NaN : b / 127));
  return { rows, columns, limit, cells, exact: false };
}

/**
 * @param {Child | Child[]} title @param {Figure} f
 * @param {{chosen?: number, onchoose?: (cell: number) => void}} [pick]  a cell to mark; told of a press on one
 */
function heatmap(title, f, pick = {}) {
  const table = cellsOf(f);
  const caption = make("figcaption", {}, ...[title].flat());
  if (!table) return make("figure", {}, caption, signedFigure(f));
  const { rows, columns, limit, cells, exact } = table;
  const edge = Math.max(2, Math.min(18, Math.floor(284 / columns), Math.floor(180 / rows)));
  const canvas = /** @type {HTMLCanvasElement} */ (make("canvas", { role: "img", width: columns * edge, height: rows * edge }));
  const words = `${caption.textContent}: ${shapeOf(f)}, ${figureText(f)}`;
  canvas.setAttribute("aria-label", words);
  canvas.title = words;
  const paint = canvas.getContext("2d");
  const { chosen, onchoose } = pick;
  const draw = (/** @type {Inks} */ inks) => {
    if (!paint) return;
    cells.forEach((x, i) => paintCell(paint, inks, (i % columns) * edge, Math.floor(i / columns) * edge, edge, x));
    if (chosen === undefined || !exact) return;
    paint.strokeStyle = `rgb(${inks.step.join()})`;
    paint.lineWidth = 2;
    paint.strokeRect((chosen % columns) * edge + 1, Math.floor(chosen / columns) * edge + 1, edge - 2, edge - 2);
  };
  PAINTED.set(canvas, draw);
  draw(inksNow());
  if (onchoose && exact) {
    canvas.addEventListener("click", (event) => {
      const scale = canvas.width / canvas.clientWidth / edge;
      onchoose(Math.min(rows - 1, Math.floor(event.offsetY * scale)) * columns + Math.min(columns - 1, Math.floor(event.offsetX * scale)));
    });
  }
  const odd = oddText(f);
  return make("figure", {}, caption, canvas,
    make("p.limits", {}, limit ? `−${numberText(limit, 3)} to ${numberText(limit, 3)}` : "all 0", odd && make("span.minus", {}, `, striped: ${odd}`)));
}

/** @param {CanvasRenderingContext2D} paint @param {Inks} inks @param {number} x @param {number} y @param {number} size @param {number} value */
function paintCell(paint, inks, x, y, size, value) {
  const end = value < 0 ? inks.minus : inks.plus;
  const share = Math.abs(value);
  const colour = Number.isNaN(value) ? inks.ground : inks.zero.map((z, i) => Math.round(z + (end[i] - z) * share));
  paint.fillStyle = `rgb(${colour.join()})`;
  paint.fillRect(x, y, size, size);
  if (!Number.isNaN(value)) return;
  paint.fillStyle = `rgb(${inks.alarm.join()})`;
  for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) if ((x + i + y + j) % 6 < 2) paint.fillRect(x + i, y + j, 1, 1);
}

/** Upstream, what the rule uses, contribution; and one element of them in numbers. @param {Model} model @param {BackwardEvent} event */
function mapParts(model, event) {
  const [root, source, node] = [model.nodes[model.root], model.nodes[event.from], model.nodes[event.to]];
  const upstream = upstreamOf(model, event);
  const place = make("div");
  const show = (/** @type {number} */ chosen) => {
    const kept = place.contains(document.activeElement);
    place.replaceChildren(
      make("div.maps", {},
        upstream && heatmap(["upstream ", slopeOf(root, source), ` ${shapeOf(upstream)}`], upstream),
        usedInputs(model, event).map((n) => heatmap(["with ", nameOf(n), ` ${shapeOf(n.value)}`], n.value)),
        heatmap(["contribution to ", slopeOf(root, node)], event.adds, { chosen, onchoose: show })),
      ...elementPicker(event, node, chosen, show));
    if (kept) /** @type {HTMLElement} */ (place.querySelector("input"))?.focus();
  };
  show(0);
  return place;
}

/** @param {BackwardEvent} event @param {TraceNode} node @param {number} chosen @param {(element: number) => void} show */
function elementPicker(event, node, chosen, show) {
  const f = event.adds;
  if (typeof f === "number" || !f.elements || f.size < 2) return [];
  const input = /** @type {HTMLInputElement} */ (make("input", { type: "number", min: 0, max: f.size - 1, value: chosen, "aria-label": "Element" }));
  input.addEventListener("change", () => show(Math.max(0, Math.min(f.size - 1, Math.round(Number(input.value) || 0)))));
  const sums = typeof event.sum === "number" ? null : event.sum.elements;
  const values = typeof node.value === "number" ? null : node.value.elements;
  const fact = (/** @type {string} */ word, /** @type {number} */ x) => make("li", {}, make("span.muted", {}, word), make(`span.number.${signOf(x)}`, {}, signedText(x)));
  return [
    make("div.row", {}, make("span", {}, "Element"), input, make("code", {}, indexText(chosen, f.shape))),
    make("ul.list", {}, values && values.length === f.size && fact("value", values[chosen]), fact("this edge adds", f.elements[chosen]), sums && fact("gradient now", sums[chosen])),
  ];
}

/** Position in row-major order as an index: `[2, 3]`. @param {number} position @param {number[]} shape */
function indexText(position, shape) {
  const index = [];
  for (const length of [...shape].reverse()) {
    index.unshift(position % length);
    position = Math.floor(position / length);
  }
  return `[${index.join(", ")}]`;
}
