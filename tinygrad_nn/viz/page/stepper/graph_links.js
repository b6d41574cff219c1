// @ts-check
// The links between the boxes: their curves, what has flowed along them, and the current one.

const LABEL_HEIGHT = 20;

/**
 * @typedef {object} LinkView
 * @property {CutLink} link
 * @property {SVGElement} g
 * @property {SVGElement} path
 * @property {number[]} events  along it, in order
 * @property {string} painted
 */

/** @param {Point[]} points @returns {string} */
function pathText(points) {
  const n = (/** @type {number} */ x) => String(Math.round(x * 100) / 100);
  let text = `M${n(points[0][0])} ${n(points[0][1])}`;
  for (let k = 1; k < points.length; k += 3) {
    const piece = points.slice(k, k + 3);
    const [x, y] = points[k - 1];
    if (piece.every((p) => p[0] === x)) text += `V${n(piece[2][1])}`;
    else if (piece.every((p) => p[1] === y)) text += `H${n(piece[2][0])}`;
    else text += `C${piece.map((p) => `${n(p[0])} ${n(p[1])}`).join(" ")}`;
  }
  return text;
}

/**
 * A curve that ends at the circle of its operation, and not at the square around it.
 * @param {Point[]} points @param {BoxPlan} target @param {Point} centre @param {"TB" | "LR"} direction
 * @returns {Point[]}
 */
function reachingCircle(points, target, centre, direction) {
  if (!target.op || !target.op.isSign || target.op.isWide) return points;
  const [x, y] = points[points.length - 1];
  const [along, across] = direction === "LR" ? [0, 1] : [1, 0];
  const off = Math.min(14, Math.abs([x, y][across] - centre[across]));
  const far = 15 - Math.sqrt(225 - off * off);
  if (far < 0.5) return points;
  /** @type {Point[]} */
  const more = [1, 2, 3].map((k) => (along === 0 ? [x + (far * k) / 3, y] : [x, y + (far * k) / 3]));
  return [...points, ...more];
}

/**
 * Where a label stands: in the middle of the first gap between two layers, where no box is.
 * @param {Point[]} points @param {"TB" | "LR"} direction @returns {Point}
 */
function labelSpot(points, direction) {
  const along = direction === "LR" ? 0 : 1;
  for (let k = 1; k < points.length; k += 3) {
    const [a, b, c, d] = points.slice(k - 1, k + 3);
    if (Math.abs(b[along] - c[along]) < 1e-6 && d[along] - a[along] > LABEL_HEIGHT) {
      const middle = /** @type {Point} */ ([(a[0] + d[0]) / 2, (a[1] + d[1]) / 2]);
      // Beside a line that runs level it leaves the line to be seen.
      if (direction === "LR" && Math.abs(a[1] - d[1]) < 30) middle[1] = Math.min(a[1], d[1]) - LABEL_HEIGHT / 2 - 5;
      return middle;
    }
  }
  const [first, last] = [points[0], points[points.length - 1]];
  return [(first[0] + last[0]) / 2, (first[1] + last[1]) / 2];
}

/** @param {Model} model @param {CutLink} link @param {Point[]} points @returns {LinkView} */
function buildLink(model, link, points) {
  const d = pathText(points);
  const path = svgMake("path.line", { d });
  const g = svgMake("g.link", { role: "img", "data-link": link.index }, path);
  const events = link.uses.map((u) => model.uses[u].event).filter((e) => e >= 0);
  if (events.length) g.append(svgMake("path.hit", { d }));
  return { link, g, path, events: events.sort((a, b) => a - b), painted: "" };
}

/** @param {Model} model @param {number[]} events @returns {number} norm of what they add, together */
function normOfEvents(model, events) {
  let sum = 0;
  for (const e of events) {
    const norm = figureNorm(model.events[e].adds);
    if (Number.isFinite(norm)) sum += norm * norm;
  }
  return Math.sqrt(sum);
}

/**
 * @param {Model} model @param {Cut} cut @param {LinkView} view @param {number} step
 * @param {PageState["view"]} how @param {number} most  norm that is drawn widest
 */
function paintLink(model, cut, view, step, how, most) {
  const done = model.seed && step > model.seed ? countBelow(view.events, step - model.seed) : 0;
  const name = `${how} ${done}`;
  if (view.painted === name) return;
  view.painted = name;
  view.g.classList.toggle("done", done > 0);
  view.g.classList.toggle("flow", how === "flow" && done > 0);
  if (how === "flow" && done) {
    const part = most > 0 ? normOfEvents(model, view.events.slice(0, done)) / most : 0;
    view.path.style.setProperty("--flow", String(Math.round((1.2 + 10 * Math.min(1, part)) * 100) / 100));
  }
  view.g.setAttribute("aria-label", linkLabel(model, cut, view, done));
}

/** @param {Model} model @param {Cut} cut @param {LinkView} view @param {number} done @returns {string} */
function linkLabel(model, cut, view, done) {
  const { link, events } = view;
  const ends = [link.source, link.target].map((k) => partName(cut.parts[k]));
  const words = [`from ${ends[0]} to ${ends[1]}`];
  if (link.uses.length === 1) {
    const use = model.uses[link.uses[0]];
    const count = model.usesInto[use.target].length;
    if (count > 1) words.push(`input ${use.slot + 1} of ${count}`);
  } else {
    words.push(`${link.uses.length} uses`);
  }
  if (events.length === 1 && done) words.push(`adds ${contributionText(model.events[events[0]])}`);
  else if (events.length > 1) words.push(`${done} of ${events.length} contributions made`);
  else if (!events.length) words.push("no gradient flows here");
  return words.join(", ");
}

/** @param {CutPart} part @returns {string} */
function partName(part) {
  return shortText(part.node ? nodeName(part.node) : groupName(/** @type {TraceGroup} */ (part.group)), 60);
}

/** @param {BackwardEvent} event @returns {string} what it adds, as the label of its edge */
function contributionText(event) {
  const odd = oddText(event.adds);
  if (odd) return odd;
  const number = oneNumberOf(event.adds);
  return number === null ? `norm ${numberText(figureNorm(event.adds))}` : signedText(number);
}

/** @param {string} words @param {Point} spot @param {string} kind @returns {SVGElement} */
function buildLabel(words, [x, y], kind) {
  const width = textWidth(words, TEXT_SIZE) + 10;
  return svgMake(
    `g.label.${kind}`, {},
    svgMake("rect", { x: x - width / 2, y: y - LABEL_HEIGHT / 2, width, height: LABEL_HEIGHT, rx: 5 }),
    svgText("", words, x, y, "middle"),
  );
}

/**
 * What flows along a link between groups, as the drawings of the package print it.
 * @param {Model} model @param {CutLink} link @returns {string}
 */
function shapeOnLink(model, link) {
  const source = model.nodes[model.uses[link.uses[0]].source];
  if (typeof source.value === "number" || source.role === "constant") return "";
  const same = link.uses.every((u) => model.uses[u].source === source.key);
  return same && source.value.shape.length ? source.value.shape.join("×") : "";
}

/** Tips of arrows; backward, an arrow has its tip at its start. */
function arrowTips() {
  const tip = (/** @type {string} */ id) =>
    svgMake(
      "marker", {
        id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8,
        markerUnits: "userSpaceOnUse", orient: "auto-start-reverse",
      },
      svgMake(`path.${id}`, { d: "M0.5 0.8L7.5 4L0.5 7.2z" }),
    );
  const big = tip("tip-now");
  for (const side of ["markerWidth", "markerHeight"]) big.setAttribute(side, "14");
  return [tip("tip"), tip("tip-done"), big];
}
