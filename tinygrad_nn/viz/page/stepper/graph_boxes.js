// @ts-check
// The boxes as SVG: built once from a plan, then painted for each step.

const SVG_NAMES = "http://www.w3.org/2000/svg";
const HEAT_STEPS = 20;
const CORNERS = { input: 15, parameter: 4, constant: 3, value: 7, result: 7 };

/**
 * An SVG element such as `svgMake("rect.shape", {x: 1})`.
 * @param {string} kind @param {Record<string, string | number>} [attributes]
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
function svgMake(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElementNS(SVG_NAMES, tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return /** @type {SVGElement} */ (element);
}

/** @param {string} kind @param {string} words @param {number} x @param {number} middle @param {"start" | "middle" | "end"} anchor */
function svgText(kind, words, x, middle, anchor) {
  const size = kind.includes("symbol") ? 16 : TEXT_SIZE;
  const text = svgMake(`text${kind}`, { x, y: middle + 0.36 * size, "text-anchor": anchor }, words);
  if (words && !widthKnown(words)) {
    // Letters of unknown width are held to the room that was left for them.
    text.setAttribute("textLength", String(textWidth(words, size, kind.includes("name"))));
    text.setAttribute("lengthAdjust", "spacingAndGlyphs");
  }
  return text;
}

/**
 * @typedef {object} CellView
 * @property {CellPlan} plan
 * @property {SVGElement} g
 * @property {SVGElement} text
 * @property {number[]} events  those that change it, in order
 */

/**
 * @typedef {object} BoxView
 * @property {BoxPlan} plan
 * @property {SVGElement} g
 * @property {SVGElement} press  takes the focus, and has the name
 * @property {CellView[]} cells
 * @property {{key: number, text: SVGElement, words: string}[]} values
 * @property {SVGElement[]} copies
 * @property {{bar: SVGElement, text: SVGElement, full: number} | null} foot
 * @property {number[]} keys  of its nodes
 * @property {boolean} hatched  whether something in it is not finite at the end
 * @property {number[]} events  backward events that add to one of them
 * @property {string} painted  what it was painted for last
 */

/** @param {Model} model @param {number[]} keys @returns {number[]} */
function eventsOfNodes(model, keys) {
  if (keys.length === 1) return model.eventsInto[keys[0]];
  const found = keys.flatMap((key) => model.eventsInto[key]);
  return found.sort((a, b) => a - b);
}

/** @param {Model} model @param {BoxPlan} plan @returns {BoxView} */
function buildBox(model, plan) {
  const { part, card } = plan;
  const kind = part.group ? `group ${part.group.kind}` : `node ${/** @type {TraceNode} */ (part.node).role}`;
  const press = svgMake("rect.press", { x: 0, y: 0, width: plan.width, height: plan.height, role: "button", tabindex: -1 });
  if (part.group) press.setAttribute("aria-expanded", "false");
  const g = svgMake("g", { class: `box ${kind}`, "data-part": part.key }, press);
  const keys = nodesOfPart(model, part);
  /** @type {BoxView} */
  const view = {
    plan, g, press, cells: [], values: [], copies: [], foot: null, keys,
    hatched: keys.some((key) => isOddAt(model, key, model.steps)),
    events: eventsOfNodes(model, keys), painted: "",
  };
  if (plan.op) g.append(...operationMark(plan));
  const place = { x: card.x, y: card.y, width: card.width, height: card.height };
  const round = part.node ? CORNERS[part.node.role] : 7;
  if (part.group?.kind === "repeat") g.append(svgMake("rect.shape.under", { ...place, x: card.x + 5, y: card.y - 5, rx: round }));
  g.append(svgMake("rect.shape", { ...place, rx: round }));
  if (view.hatched) g.append(svgMake("rect.hatch", { ...place, rx: round }));
  g.append(svgMake("rect.ring", { x: -5, y: -5, width: plan.width + 10, height: plan.height + 10, rx: plan.op ? 18 : round + 5 }));
  let y = card.y + 5;
  if (plan.head) y = groupHead(plan, g);
  if (plan.middle) g.append(svgText("", plan.middle, card.x + card.width / 2, card.y + card.height / 2, "middle"));
  for (const row of plan.rows) {
    buildRow(model, view, row, y + ROW_HEIGHT / 2);
    y += ROW_HEIGHT;
  }
  if (plan.copies.length) buildCopies(view, y + 1);
  if (plan.head) buildFoot(view, card.y + card.height - 12);
  const full = part.node ? nodeName(part.node) : groupName(/** @type {TraceGroup} */ (part.group));
  if (full.length > 18) g.append(svgMake("title", {}, shortText(full, 300)));
  return view;
}

/** @param {Model} model @param {number} key @param {number} step @returns {boolean} whether a NaN or infinity is known in it */
function isOddAt(model, key, step) {
  const known = [valueAt(model, key, step), gradientAt(model, key, step)];
  return known.some((f) => f !== null && !isFiniteFigure(f));
}

/** @param {BoxPlan} plan @returns {SVGElement[]} */
function operationMark(plan) {
  const { card } = plan;
  const op = /** @type {NonNullable<BoxPlan["op"]>} */ (plan.op);
  const below = card.y > 0;
  const [cx, cy] = below ? [plan.width / 2, 15] : [op.width / 2, card.y + card.height / 2];
  const tie = below ? `M${cx} 30V${card.y}` : `M${op.width} ${cy}H${card.x}`;
  // Where many arrive, it is as long as the side of the card.
  const width = op.isWide && below ? plan.width : op.width;
  const height = op.isWide && !below ? card.height : 30;
  const shape = op.isSign && !op.isWide
    ? svgMake("circle.shape", { cx, cy, r: 15 })
    : svgMake("rect.shape", { x: cx - width / 2, y: cy - height / 2, width, height, rx: 9 });
  const words = svgText(op.isSign ? ".symbol" : "", op.words, cx, cy, "middle");
  return [svgMake("path.tie", { d: tie }), svgMake("g.operation", {}, shape, words, svgMake("title", {}, op.about))];
}

/** @param {BoxPlan} plan @param {SVGElement} g @returns {number} where the rows begin */
function groupHead(plan, g) {
  const { card } = plan;
  const head = /** @type {NonNullable<BoxPlan["head"]>} */ (plan.head);
  const middle = card.y + HEAD_HEIGHT / 2;
  g.append(
    svgMake("path.head", { d: topRounded(card.x, card.y, card.width, HEAD_HEIGHT, 7) }),
    svgMake("path.chevron", { d: `M${card.x + 12} ${middle - 5}l5 5l-5 5` }),
    svgText(".name", head.title, card.x + 26, middle, "start"),
  );
  if (!head.about) return card.y + HEAD_HEIGHT + 2;
  g.append(svgText(".muted", head.about, card.x + BOX_PAD, card.y + HEAD_HEIGHT + 11, "start"));
  return card.y + HEAD_HEIGHT + 20;
}

/** @param {number} x @param {number} y @param {number} width @param {number} height @param {number} r */
function topRounded(x, y, width, height, r) {
  return `M${x} ${y + height}V${y + r}a${r} ${r} 0 0 1 ${r} ${-r}h${width - 2 * r}a${r} ${r} 0 0 1 ${r} ${r}V${y + height}z`;
}

/** @param {Model} model @param {BoxView} view @param {RowPlan} row @param {number} middle */
function buildRow(model, view, row, middle) {
  const { card } = view.plan;
  const [left, right] = [card.x + BOX_PAD, card.x + card.width - BOX_PAD];
  if (row.left) view.g.append(svgText(`.${row.leftStyle}`, row.left, left, middle, "start"));
  if (row.cell) {
    const { width } = row.cell;
    const text = svgText("", "", right - 6, middle, "end");
    const g = svgMake("g.cell", {}, svgMake("rect", { x: right - width, y: middle - CELL_HEIGHT / 2, width, height: CELL_HEIGHT, rx: 4 }), text);
    view.g.append(g);
    view.cells.push({ plan: row.cell, g, text, events: eventsOfNodes(model, row.cell.keys) });
  } else if (row.right) {
    const text = svgText(row.value === null ? ".muted" : ".value", row.right, right, middle, "end");
    view.g.append(text);
    if (row.value !== null) view.values.push({ key: row.value, text, words: row.right });
  }
}

/** @param {BoxView} view @param {number} y */
function buildCopies(view, y) {
  const { card, copies } = view.plan;
  const shown = Math.min(copies.length, MOST_COPIES);
  const step = (card.width - 2 * BOX_PAD) / shown;
  for (let k = 0; k < shown; k++) {
    const rect = svgMake("rect.copy", { x: card.x + BOX_PAD + k * step, y, width: Math.max(2, step - 1), height: 12 });
    view.copies.push(rect);
    view.g.append(rect);
  }
}

/** @param {BoxView} view @param {number} middle */
function buildFoot(view, middle) {
  const { card, foot } = view.plan;
  const text = svgText(".muted", "", card.x + card.width - BOX_PAD, middle, "end");
  const bar = svgMake("rect.progress", { x: card.x + 1, y: card.y + card.height - 4, width: 0, height: 3, rx: 1.5 });
  view.g.append(svgText(".muted", foot, card.x + BOX_PAD, middle, "start"), text, bar);
  view.foot = { bar, text, full: card.width - 2 };
}

// ── Painting ────────────────────────────────────────────────────────────────────────────

/** @param {number} norm @returns {string} step of the purple scale, half a power of ten each from 1e-8 to 1e2 */
function heatClass(norm) {
  if (!Number.isFinite(norm)) return "odd";
  if (norm <= 0) return "heat-0";
  return `heat-${Math.max(0, Math.min(HEAT_STEPS, Math.round(2 * (Math.log10(norm) + 8))))}`;
}

/**
 * Norm of the gradients of some nodes together, of those that have one yet.
 * @param {Model} model @param {number[]} keys @param {number} step @returns {number | null}
 */
function normTogether(model, keys, step) {
  let sum = 0;
  let known = false;
  for (const key of keys) {
    const f = gradientAt(model, key, step);
    if (f === null) continue;
    known = true;
    const norm = figureNorm(f);
    sum += norm * norm;
  }
  return known ? Math.sqrt(sum) : null;
}

/**
 * Show a box as it is after a step; nothing is touched where nothing has changed.
 * @param {Model} model @param {BoxView} view @param {number} step @param {PageState["view"]} how
 */
function paintBox(model, view, step, how) {
  const done = model.seed && step >= model.seed ? countBelow(view.events, step - model.seed) : -1;
  const known = countBelow(view.keys, step);
  const name = `${how} ${done} ${known}`;
  if (view.painted === name) return;
  view.painted = name;
  for (const { key, text, words } of view.values) {
    const there = key < step;
    setText(text, there ? words : "·");
    text.classList.toggle("unknown", !there);
  }
  for (const cell of view.cells) paintCellAt(model, cell, step, how, view.plan.head !== null);
  view.copies.forEach((rect, k) => {
    const norm = normTogether(model, view.plan.copies[k], step);
    rect.setAttribute("class", norm === null ? "copy" : `copy ${heatClass(norm)}`);
  });
  if (view.foot) paintFoot(view, Math.max(0, done), known);
  if (view.hatched) view.g.classList.toggle("odd-now", view.keys.some((key) => isOddAt(model, key, step)));
  const body = how === "heat" && model.seed ? normTogether(model, view.plan.rows.flatMap((r) => r.cell?.keys ?? []), step) : null;
  swapHeat(view.g, body === null ? "" : heatClass(body));
  view.press.setAttribute("aria-label", boxLabel(model, view, step, Math.max(0, done), known));
}

/** @param {SVGElement} element @param {string} words */
function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/** @param {SVGElement} element @param {string} heat */
function swapHeat(element, heat) {
  for (const name of [...element.classList]) if (name.startsWith("heat-")) element.classList.remove(name);
  if (heat.startsWith("heat-")) element.classList.add(heat);
}

/** @param {Model} model @param {CellView} cell @param {number} step @param {PageState["view"]} how @param {boolean} always */
function paintCellAt(model, cell, step, how, always) {
  const { keys, asNorm } = cell.plan;
  const one = keys.length === 1 ? gradientAt(model, keys[0], step) : null;
  const norm = keys.length === 1 ? (one === null ? null : figureNorm(one)) : normTogether(model, keys, step);
  const classes = ["cell"];
  let words = "";
  if (norm === null) {
    classes.push("hollow");
  } else if (!Number.isFinite(norm)) {
    words = one === null ? numberText(norm) : oddText(one);
    classes.push("odd");
  } else {
    const number = one === null || asNorm ? null : oneNumberOf(one);
    words = number === null ? (cell.plan.copies ? normsOfEach(model, cell.plan.copies, step) : numberText(norm)) : signedText(number);
    if (always || how === "heat") classes.push(heatClass(norm));
    else if (number !== null) classes.push(signOf(number), how === "gradients" ? "tinted" : "bare");
    else if (how === "gradients") classes.push(heatClass(norm));
  }
  setText(cell.text, words);
  cell.g.setAttribute("class", classes.join(" "));
}

/** @param {Model} model @param {number[][]} copies @param {number} step @returns {string} least and largest */
function normsOfEach(model, copies, step) {
  const norms = copies.map((keys) => normTogether(model, keys, step)).filter((n) => n !== null);
  const [low, high] = [Math.min(...norms), Math.max(...norms)].map((n) => numberText(n, 2));
  return low === high ? low : `${low} to ${high}`;
}

/** @param {BoxView} view @param {number} done @param {number} known */
function paintFoot(view, done, known) {
  if (!view.foot) return;
  const { bar, text, full } = view.foot;
  const all = view.events.length;
  bar.setAttribute("width", String(all ? (full * done) / all : 0));
  setText(text, done && all ? `${done} of ${all} step${all === 1 ? "" : "s"}` : known ? `${known} of ${view.keys.length} values` : "");
}

/** @param {Model} model @param {BoxView} view @param {number} step @param {number} done @param {number} known */
function boxLabel(model, view, step, done, known) {
  const { part } = view.plan;
  if (part.group) {
    const { kind, count } = part.group;
    const head = /** @type {NonNullable<BoxPlan["head"]>} */ (view.plan.head);
    const cells = view.plan.rows.map((row, k) => (row.cell ? `${row.left}: ${view.cells[k].text.textContent || "gradient not known yet"}` : row.left));
    const told = done ? `${done} of ${view.events.length} backward steps` : `${known} of ${count} values known`;
    return `${[head.title, head.about].filter(Boolean).join(" ")}, ${kind} of ${count} nodes, collapsed. ${cells.join(", ")}. ${told}`;
  }
  const node = /** @type {TraceNode} */ (part.node);
  const value = valueAt(model, node.key, step);
  const gradient = gradientAt(model, node.key, step);
  const made = node.op ? `, made by ${cleanText(node.op)}` : "";
  const words = [`${shortText(nodeName(node), 80)}, ${ROLE_WORDS[node.role]}${made}`];
  words.push(value === null ? "value not known yet" : `value ${figureText(value)}`);
  if (gradient !== null) words.push(`gradient ${figureText(gradient)}`);
  else words.push(node.gradient !== null ? "gradient not known yet" : cleanText(node.missing) || "no gradient");
  return words.join(", ");
}

/** An open group's frame, with the header that closes it. @param {CutFrame} frame @param {FrameRect} place */
function buildFrame(frame, [x, y, width, height]) {
  const { title, about } = headOf(frame.group);
  const middle = y + HEAD_HEIGHT / 2;
  const wide = Math.min(width, frameTitleWidth(frame.group));
  const press = svgMake("rect.press", {
    x: x + 3, y: y + 3, width: wide - 6, height: HEAD_HEIGHT - 3, rx: 5, role: "button", tabindex: -1, "aria-expanded": "true",
    "aria-label": `${[title, about].filter(Boolean).join(" ")}, ${frame.group.kind} of ${frame.group.count} nodes, open`,
  });
  const header = svgMake(
    "g.frame-head", { "data-part": frame.group.key }, press,
    svgMake("path.chevron", { d: `M${x + 10} ${middle - 2}l5 5l5 -5` }),
    svgText(".name", title, x + 26, middle, "start"),
    svgText(".muted", about, x + 34 + textWidth(title, TEXT_SIZE, true), middle, "start"),
  );
  return { press, head: header, border: svgMake("rect.border", { x, y, width, height, rx: 10, "data-frame": frame.group.key }) };
}

/** @param {TraceGroup} group @returns {number} */
function frameTitleWidth(group) {
  const { title, about } = headOf(group);
  return evenUp(textWidth(title, TEXT_SIZE, true) + textWidth(about, TEXT_SIZE) + 48);
}
