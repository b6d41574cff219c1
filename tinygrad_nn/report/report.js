// @ts-check
/// <reference path="uPlot.d.ts" />
// The live charts of a report: the numbers are those of the embedded document.

/** @typedef {{name: string, x: string, y: string, step: number, hue: number | null}} Line */
/** @typedef {{id: string, title: string, along: string, lines: Line[], share: boolean, log: boolean, mark: null | [number, number, string]}} Chart */
/** A number, or none where a row has none. @typedef {number | null} Entry */
/** @typedef {uPlot.Table} Table */

const DASHES = [[], [7, 4], [2, 4], [10, 3, 2, 3], [4, 3], [12, 5]];
/** @param {string} id */
const held = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");
/** @type {unknown} */
const report = held("report");
/** @type {Chart[]} */
const charts = held("charts");
/** @type {(() => void)[]} */
const plots = [];
const reduced = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * What a holder has by this name, if it is one and has it.
 * @param {unknown} holder
 * @param {string} name
 * @returns {unknown}
 */
function entry(holder, name) {
  if (holder === null || typeof holder !== "object") return null;
  if (Array.isArray(holder)) return holder[Number(name)] ?? null;
  return /** @type {{[name: string]: unknown}} */ (holder)[name] ?? null;
}

/**
 * The entries of a column such as history, epochs, each, loss; none for NaN and infinities.
 * @param {string} path
 */
function column(path) {
  let found = [report];
  for (const part of path.split("/")) {
    const name = part.replaceAll("~2", "*").replaceAll("~1", "/").replaceAll("~0", "~");
    found = found.flatMap((holder) => {
      if (part !== "*") return [entry(holder, name)];
      return Array.isArray(holder) ? holder : [holder];
    });
  }
  return found.map((x) => (typeof x === "number" ? x : null));
}

/**
 * All x of all lines in order, and for each line its y there or null.
 * @param {Chart} chart
 * @returns {Table}
 */
function table(chart) {
  const rows = chart.lines.map((line) => {
    const ys = column(line.y);
    const xs = line.step ? ys.map((_, i) => 1 + i * line.step) : column(line.x);
    /** @type {Map<number, Entry>} */
    const row = new Map();
    xs.forEach((x, i) => { if (x !== null) row.set(x, ys[i] ?? null); });
    return row;
  });
  const xs = [...new Set(rows.flatMap((row) => [...row.keys()]))].sort((a, b) => a - b);
  return [xs, ...rows.map((row) => xs.map((x) => row.get(x) ?? null))];
}

/** @param {string} name Of a class. */
function colour(name) {
  const probe = document.createElement("span");
  probe.className = name;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/**
 * As the tables print it.
 * @param {Entry | undefined} x
 * @param {boolean} share
 */
function figure(x, share) {
  if (x === null || x === undefined) return "no number";
  return share ? `${(100 * x).toFixed(1)} %` : numberText(x);
}

/**
 * @param {number} x
 * @param {boolean} share
 */
function tick(x, share) {
  return share ? `${Number((100 * x).toPrecision(6))} %` : figure(x, false);
}

/**
 * Marks of a logarithmic axis: whole powers, with 2 and 5 where there are few.
 * @param {number[]} values
 */
function logTicks(values) {
  const powers = values.filter((x) => Number.isInteger(Math.round(Math.log10(x) * 1e9) / 1e9));
  if (powers.length >= 3) return values.map((x) => (powers.includes(x) ? x : null));
  return values.map((x) => (/^[125]/.test(x.toExponential()) ? x : null));
}

/**
 * @param {Chart} chart
 * @param {boolean} log
 * @param {number} width
 * @returns {uPlot.Options}
 */
function options(chart, log, width) {
  const muted = colourOf("muted");
  const rule = colourOf("rule");
  /** @type {uPlot.Filter} */
  const filter = log ? (_u, splits) => logTicks(splits) : (_u, splits) => splits;
  const axis = { stroke: muted, grid: { stroke: rule, width: 1, filter }, ticks: { show: false }, font: '12px system-ui, "DejaVu Sans", sans-serif' };
  const few = table(chart)[0].length <= 40;
  const series = chart.lines.map((line, i) => {
    const hue = (line.hue ?? i) % 6;
    const stroke = colour(`s${hue}`);
    return { label: line.name, stroke, width: 2, dash: DASHES[hue], spanGaps: false, points: { show: few, size: 5, fill: stroke } };
  });
  /** @type {uPlot.Axis["values"]} */
  const whole = (_u, splits) => splits.map((x) => (x !== null && Number.isInteger(x) ? x.toLocaleString("en") : ""));
  return {
    width,
    height: Math.max(210, Math.min(270, Math.round(width * 0.5))),
    legend: { show: false },
    cursor: { sync: { key: chart.along }, drag: { x: true, y: false }, points: { size: 8 } },
    scales: {
      x: { time: false, range: wholeRange },
      y: log ? { distr: 3 } : { range: linearRange },
    },
    axes: [
      { ...axis, values: whole, grid: { show: false }, space: 60, size: 34 },
      { ...axis, values: (_u, splits) => splits.map((x) => (x === null ? "" : tick(x, chart.share))), size: 62, filter },
    ],
    series: [{}, ...series],
    hooks: { setCursor: [(u) => read(chart, u)], draw: [(u) => mark(chart, u)] },
  };
}

/** @type {uPlot.Extent} */
function wholeRange(_u, low, high) {
  if (low === null || high === null) return [0, 1];
  return low === high ? [low - 1, high + 1] : [low, high];
}

/** @type {uPlot.Extent} */
function linearRange(_u, low, high) {
  if (low === null || high === null) return [0, 1];
  if (low === high) return [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2];
  const room = (high - low) * 0.06;
  return [low > 0 && low < 0.6 * high ? 0 : low - room, high + room];
}

/**
 * The best epoch, as a ring; its word is in the legend.
 * @param {Chart} chart
 * @param {uPlot} u
 */
function mark(chart, u) {
  if (!chart.mark) return;
  const [line, x] = chart.mark;
  const i = u.data[0].indexOf(x);
  const y = u.data[line + 1]?.[i];
  if (y === null || y === undefined) return;
  const [a, b] = [u.valToPos(x, "x", true), u.valToPos(y, "y", true)];
  const { left, width } = u.bbox;
  if (a < left - 1 || a > left + width + 1) return;
  const { ctx } = u;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = colourOf("step");
  ctx.lineWidth = 2.2 * scale;
  ctx.beginPath();
  ctx.arc(a, b, 6 * scale, 0, 2 * Math.PI);
  ctx.stroke();
  ctx.restore();
}

/**
 * Tells what is below the cursor.
 * @param {Chart} chart
 * @param {uPlot} u
 */
function read(chart, u) {
  const out = u.root.closest("figure")?.querySelector(".readout");
  if (!out) return;
  const i = u.cursor.idx;
  if (i === null || i === undefined) {
    out.textContent = "";
    return;
  }
  const parts = chart.lines.map((line, k) => `${line.name} ${figure(u.data[k + 1]?.[i], chart.share)}`);
  out.textContent = `${chart.along} ${u.data[0][i].toLocaleString("en")}: ${parts.join(" · ")}`;
}

/** @param {Chart} chart */
function build(chart) {
  const place = document.getElementById(chart.id);
  if (!place) return;
  const data = table(chart);
  const button = place.closest("figure")?.querySelector(".log");
  let log = chart.log;
  /** @type {uPlot | null} */
  let plot = null;
  const draw = () => {
    plot?.destroy();
    // What has no logarithm is left out of the line.
    const [xs, ...rows] = data;
    /** @type {Table} */
    const shown = log ? [xs, ...rows.map((ys) => ys.map((y) => (y !== null && y > 0 ? y : null)))] : data;
    plot = new uPlot(options(chart, log, place.clientWidth || 600), shown, place);
  };
  button?.addEventListener("click", () => {
    log = !log;
    button.setAttribute("aria-pressed", String(log));
    draw();
  });
  // By keyboard: the arrows move the cursor that the pointer moves otherwise.
  place.tabIndex = 0;
  place.addEventListener("keydown", (event) => {
    /** @type {{[key: string]: number}} */
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -data[0].length, End: data[0].length };
    const step = steps[event.key];
    if (!step || !plot) return;
    event.preventDefault();
    const at = Math.max(0, Math.min(data[0].length - 1, (plot.cursor.idx ?? (step > 0 ? -1 : data[0].length)) + step));
    const top = data.slice(1).map((ys) => ys[at]).find((y) => y !== null && y !== undefined);
    plot.setCursor({ left: plot.valToPos(data[0][at], "x"), top: top === undefined ? 10 : plot.valToPos(top, "y") }, true, true);
    place.setAttribute("aria-label", place.closest("figure")?.querySelector(".readout")?.textContent || chart.title);
  });
  place.addEventListener("blur", () => plot?.setCursor({ left: -10, top: -10 }, true, true));
  new ResizeObserver(() => {
    const width = place.clientWidth;
    if (plot && width && Math.abs(width - plot.width) > 1) plot.setSize({ width, height: plot.height });
  }).observe(place);
  draw();
  plots.push(draw);
}

/** @param {HTMLElement} button */
function copy(button) {
  const from = document.getElementById(button.dataset.of ?? "");
  const said = document.getElementById("said");
  /** @param {string} words */
  const tell = (words) => {
    if (said) said.textContent = words;
    button.textContent = words;
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  };
  if (!navigator.clipboard) {
    if (from) getSelection()?.selectAllChildren(from);
    tell("Selected");
    return;
  }
  navigator.clipboard.writeText(from?.textContent ?? "").then(() => tell("Copied"), () => tell("Not allowed"));
}

document.documentElement.classList.add("scripted");
/** @type {Theme} */
let theme = keptTheme() ?? "auto";
showTheme(theme);
charts.forEach(build);
document.getElementById("theme")?.addEventListener("click", () => showTheme(theme = themeAfter(theme)));
onTheme(() => plots.forEach((draw) => draw()));
document.querySelectorAll(".copy").forEach((button) => button instanceof HTMLElement && button.addEventListener("click", () => copy(button)));
document.documentElement.classList.toggle("reduced", reduced.matches);
