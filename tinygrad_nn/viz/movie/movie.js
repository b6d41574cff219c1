// @ts-check
// The frames of a run: going through them, and swapping their numbers into the drawing.

/**
 * @typedef {{name: string, about: string, shape: string, columns: number[], box: string | null, role: string}} MovieNode
 * @typedef {{what: string, columns: number[], signed: boolean}} Slot
 */

/** @type {{nodes: MovieNode[], columns: [string, string][], frames: [number, string][], numbers: any[][], slots: Slot[], theme: string, frame: number}} */
const movie = JSON.parse(byId("movie").textContent);
const ODD = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };
const last = movie.frames.length - 1;
const steps = movie.frames.map(([step]) => step);
const say = makeSpeaker(byId("live"));
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let frame = -1;
let timer = 0;
/** @type {MovieNode} */
let chosen = movie.nodes[movie.nodes.length - 1];
/** @type {{show: (frame: number) => void}[]} */
let curves = [];

showTheme(movie.theme);

/** @param {number} column @param {number} at @returns {number | null} */
function numberAt(column, at) {
  const row = movie.numbers[column];
  const x = row.length === 1 ? row[0] : row[at];
  return typeof x === "string" ? ODD[/** @type {keyof typeof ODD} */ (x)] : x;
}

/** @param {number} column */
function seriesOf(column) {
  return movie.frames.map((_, k) => numberAt(column, k));
}

/** @param {number | null} x @param {boolean} [signed] */
function words(x, signed = false) {
  return x === null ? "none" : signed ? signedText(x) : numberText(x);
}

/** Step of a gradient's size on the scale of colours. @param {number} size */
function heatOf(size) {
  if (!Number.isFinite(size)) return -1;
  return size <= 0 ? 0 : Math.max(0, Math.min(20, Math.round(2 * (Math.log10(size) + 8))));
}

// ── The drawing ─────────────────────────────────────────────────────────────────────────

const places = movie.slots.map((slot, k) => ({
  slot,
  text: document.querySelector(`#graph text[data-slot="${k}"]`),
  cell: document.querySelector(`#graph rect[data-slot="${k}"]`),
}));

/** The largest of a place's numbers; one that is not finite is never lost. @param {Slot} slot */
function shownIn(slot) {
  let most = null;
  for (const column of slot.columns) {
    const x = numberAt(column, frame);
    if (x === null) continue;
    if (slot.columns.length === 1) return x;
    if (!Number.isFinite(x)) return x;
    if (most === null || Math.abs(x) > most) most = Math.abs(x);
  }
  return most;
}

function showPlaces() {
  for (const { slot, text, cell } of places) {
    const x = shownIn(slot);
    const signed = slot.signed && slot.what === "gradient";
    if (text) text.textContent = words(x, signed);
    if (!cell) {
      if (text) text.setAttribute("class", x !== null && !Number.isFinite(x) ? "warn" : "");
      continue;
    }
    const heat = x === null ? null : heatOf(Math.abs(x));
    cell.setAttribute("class", heat === null ? "none" : heat < 0 ? "odd" : `h${heat}`);
    if (text) text.setAttribute("class", heat === null ? "muted" : heat < 0 ? "odd-text" : `t${heat}`);
  }
}

// ── The chosen node ─────────────────────────────────────────────────────────────────────

/** @param {MovieNode} node @param {string} what @param {string} [figure] */
function columnOf(node, what, figure) {
  return node.columns.find((k) => movie.columns[k][0] === what && (!figure || movie.columns[k][1] === figure));
}

/** @param {MovieNode} node */
function choose(node) {
  chosen = node;
  for (const old of document.querySelectorAll("#graph .picked")) old.classList.remove("picked");
  if (node.box) byId(node.box)?.classList.add("picked");
  for (const [k, row] of rows.entries()) {
    row.line.classList.toggle("picked", movie.nodes[k] === node);
    row.name.setAttribute("aria-pressed", String(movie.nodes[k] === node));
  }
  byId("node-title").textContent = node.name;
  byId("node-about").textContent = [node.about, node.shape].filter(Boolean).join(", ");
  showNode();
}

function showNode() {
  const box = byId("node");
  box.replaceChildren();
  curves = [lossCurve];
  for (const [what, title] of [["value", "Value"], ["gradient", "Gradient"]]) {
    const column = columnOf(chosen, what);
    if (column === undefined) {
      if (what === "gradient") box.append(make("p.muted", {}, "It requires no gradient."));
      continue;
    }
    const figure = movie.columns[column][1];
    const named = figure === "norm" ? `${title}, norm` : title;
    const number = make("strong", { "data-now": what });
    box.append(make("p.figure", {}, make("span.name", {}, named), number));
    const curve = makeCurve({ title: `${named} of ${chosen.name}`, numbers: seriesOf(column), steps, kind: what, go });
    box.append(curve.element);
    const more = chosen.columns.filter((k) => movie.columns[k][0] === what && k !== column);
    const figures = more.map((k) => [make("dt", {}, movie.columns[k][1]), make("dd", {})]);
    if (figures.length) box.append(make("dl.figures", {}, ...figures.flat()));
    curves.push(curve, {
      show: (at) => {
        number.textContent = words(numberAt(column, at), figure === "number" && what === "gradient");
        more.forEach((k, i) => (figures[i][1].textContent = words(numberAt(k, at))));
      },
    });
  }
  for (const curve of curves) curve.show(Math.max(0, frame));
}

// ── All numbers ─────────────────────────────────────────────────────────────────────────

const FIGURES = [["value", ""], ["value", "mean"], ["value", "low"], ["value", "high"], ["gradient", ""]];
const rows = movie.nodes.map((node) => {
  const name = link(node.name, () => choose(node));
  const cells = FIGURES.map(([what, figure]) => ({ column: columnOf(node, what, figure), cell: make("td.number") }));
  const line = make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, node.about),
    make("td", {}, node.shape), ...cells.map(({ cell }) => cell));
  byId("table").tBodies[0].append(line);
  return { line, name, cells };
});

function showTable() {
  for (const { cells } of rows) {
    for (const { column, cell } of cells) {
      if (column === undefined) continue;
      const x = numberAt(column, frame);
      const text = words(x, movie.columns[column].join() === "gradient,number");
      if (cell.textContent !== text) cell.textContent = text;
      cell.classList.toggle("odd", x !== null && !Number.isFinite(x));
    }
  }
}

// ── Going ───────────────────────────────────────────────────────────────────────────────

const result = movie.nodes[movie.nodes.length - 1];
const lossColumn = /** @type {number} */ (columnOf(result, "value"));
byId("loss-title").textContent = result.name;
const lossCurve = makeCurve({ title: result.name, numbers: seriesOf(lossColumn), steps, go });
byId("loss").append(lossCurve.element);

/** @param {number} to */
function go(to) {
  const next = Math.max(0, Math.min(last, to));
  if (next === frame) return;
  frame = next;
  const [step, note] = movie.frames[frame];
  const loss = words(numberAt(lossColumn, frame));
  byId("scrubber").value = String(frame);
  byId("scrubber").setAttribute("aria-valuetext", `frame ${frame + 1} of ${last + 1}, step ${step}, ${result.name} ${loss}`);
  byId("count").textContent = `frame ${frame + 1} / ${last + 1}, step ${step}`;
  byId("loss-title").textContent = `${result.name}: ${loss}`;
  byId("note").textContent = note;
  byId("note").hidden = !note;
  showPlaces();
  showTable();
  for (const curve of curves) curve.show(frame);
  for (const [id, off] of [["start", frame === 0], ["back", frame === 0], ["next", frame === last], ["end", frame === last]]) {
    byId(`${id}`).setAttribute("aria-disabled", String(off));
  }
  if (!timer) say(`Frame ${frame + 1} of ${last + 1}, step ${step}, ${result.name} ${loss}${note ? `, ${note}` : ""}`);
}

function stop() {
  clearTimeout(timer);
  timer = 0;
  showPlaying();
}

function tick() {
  const rate = calm.matches ? 1 : Number(byId("speed").value);
  timer = setTimeout(tick, 1000 / rate);
  go(frame + 1);
  if (frame >= last) stop();
}

function play() {
  if (timer) return stop();
  if (frame >= last) go(0);
  timer = setTimeout(tick, 60);
  showPlaying();
}

function showPlaying() {
  byId("play").querySelector("use").setAttribute("href", timer ? "#i-pause" : "#i-play");
  byId("play").querySelector("span").textContent = timer ? "Pause" : "Play";
}

/** By hand: what plays, stops. @param {number} to */
function jump(to) {
  if (timer) stop();
  go(to);
}

byId("scrubber").max = String(last);
byId("scrubber").addEventListener("input", () => jump(Number(byId("scrubber").value)));
byId("start").addEventListener("click", () => jump(0));
byId("back").addEventListener("click", () => jump(frame - 1));
byId("next").addEventListener("click", () => jump(frame + 1));
byId("end").addEventListener("click", () => jump(last));
byId("play").addEventListener("click", play);
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const on = /** @type {HTMLElement} */ (event.target);
  if (on.closest("input, select")) return;
  const scrolls = on.closest("#graph, .scroll") !== null;
  const ways = { ArrowLeft: frame - 1, ArrowRight: frame + 1, Home: 0, End: last };
  if (event.key === " " && !on.closest("button")) play();
  else if (event.key in ways && !scrolls) jump(ways[/** @type {keyof typeof ways} */ (event.key)]);
  else return;
  event.preventDefault();
});
byId("graph").addEventListener("click", (/** @type {MouseEvent} */ event) => {
  const box = /** @type {Element} */ (event.target).closest("g[id]");
  if (!box) return;
  // Of a module the first parameter, else what comes last in it.
  const inside = movie.nodes.filter((node) => node.box === box.id);
  const found = inside.find((node) => node.role === "parameter") || inside[inside.length - 1];
  if (found) choose(found);
});

// Graphs of single numbers have no shapes and ranges.
/** @type {[number, string | null][]} */
const figureColumns = [[2, null], [4, "mean"], [5, "low"], [6, "high"]];
for (const [k, figure] of figureColumns) {
  if (movie.columns.some(([, name]) => name === (figure || "norm"))) continue;
  for (const row of byId("table").rows) row.cells[k].hidden = true;
}
const learns = (/** @type {MovieNode} */ node) => columnOf(node, "gradient") !== undefined;
choose(movie.nodes.find((node) => node.role === "parameter") || movie.nodes.find(learns) || result);
go(movie.frame);
