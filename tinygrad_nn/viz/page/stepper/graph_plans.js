// @ts-check
// What stands in each box, and how large it is; not yet where it goes nor what is known when.

const TEXT_SIZE = 12;
const ROW_HEIGHT = 20;
const HEAD_HEIGHT = 30;
const CELL_HEIGHT = 17;
const BOX_PAD = 10;
const MOST_ROWS = 6;
const MOST_COPIES = 24;
const NORM_CELL = 84;

/**
 * A place for a gradient.
 * @typedef {object} CellPlan
 * @property {number[]} keys  nodes whose gradients it sums up; one, or many for one norm
 * @property {boolean} asNorm
 * @property {number} width
 * @property {number[][]} [copies]  of a repeat: least and largest norm among these are told
 */

/**
 * @typedef {object} RowPlan
 * @property {string} left
 * @property {"name" | "muted"} leftStyle
 * @property {string} right  a text that does not change
 * @property {number | null} value  key of the node whose value stands at the right
 * @property {CellPlan | null} cell
 */

/**
 * @typedef {object} BoxPlan
 * @property {CutPart} part
 * @property {number} width  with the operation before it
 * @property {number} height
 * @property {{x: number, y: number, width: number, height: number}} card  within it
 * @property {{words: string, isSign: boolean, isWide: boolean, width: number, about: string} | null} op
 * @property {RowPlan[]} rows
 * @property {{title: string, about: string} | null} head  of a group
 * @property {number[][]} copies  of a repeat: the nodes of each of the equal groups
 * @property {string} foot
 * @property {string} middle  the only text of a constant
 */

/** @param {Model} model @param {CutPart} part @param {"TB" | "LR"} direction @returns {BoxPlan} */
function planBox(model, part, direction) {
  const plan = part.group ? planGroup(model, part, part.group) : planNode(model, part, /** @type {TraceNode} */ (part.node));
  if (!plan.op) return plan;
  const { card, op } = plan;
  // The operation stands before its result: left of it, or above.
  const before = 8;
  if (direction === "LR") {
    card.x = op.width + before;
    plan.width = card.x + card.width;
  } else {
    card.y = 30 + before;
    plan.height = card.y + card.height;
    plan.width = Math.max(card.width, op.width);
    card.x = (plan.width - card.width) / 2;
  }
  return plan;
}

/** @param {CutPart} part @returns {BoxPlan} */
function emptyPlan(part) {
  return {
    part, width: 0, height: 0, card: { x: 0, y: 0, width: 0, height: 0 },
    op: null, rows: [], head: null, copies: [], foot: "", middle: "",
  };
}

/** @param {BoxPlan} plan @param {number} width @param {number} height @returns {BoxPlan} */
function sized(plan, width, height) {
  plan.card = { x: 0, y: 0, width: evenUp(width), height: evenUp(height) };
  plan.width = plan.card.width;
  plan.height = plan.card.height;
  return plan;
}

/** @param {RowPlan} row @returns {number} */
function rowWidth(row) {
  const right = row.cell ? row.cell.width : textWidth(row.right, TEXT_SIZE);
  return textWidth(row.left, TEXT_SIZE, row.leftStyle === "name") + 14 + right + 2 * BOX_PAD;
}

/** @param {Partial<RowPlan>} row @returns {RowPlan} */
function rowOf(row) {
  return { left: "", leftStyle: "muted", right: "", value: null, cell: null, ...row };
}

// ── Nodes ───────────────────────────────────────────────────────────────────────────────

/** @param {Model} model @param {CutPart} part @param {TraceNode} node @returns {BoxPlan} */
function planNode(model, part, node) {
  const plan = emptyPlan(part);
  plan.op = planOp(node);
  const whole = oneNumberOf(node.value);
  const shape = typeof node.value === "number" ? "" : shapeText(node.value.shape);
  if (node.role === "constant" && !node.name) {
    if (whole !== null) {
      plan.middle = numberText(whole);
      return sized(plan, Math.max(46, textWidth(plan.middle, TEXT_SIZE) + 2 * BOX_PAD), 30);
    }
    plan.rows.push(rowOf({ left: "constant", right: shape }));
  } else {
    const right = whole === null ? shape : numberText(whole);
    plan.rows.push(rowOf({ left: shortText(cleanText(node.name)), leftStyle: "name", right, value: whole === null ? null : node.key }));
  }
  if (whole === null) plan.rows.push(valueRow(node));
  if (node.gradient !== null || model.eventsInto[node.key].length) {
    plan.rows.push(rowOf({ left: gradientLabel(model, node), cell: planCell(model, node) }));
  } else if (node.role !== "constant" || node.name) {
    plan.rows.push(rowOf({ left: shortText(cleanText(node.missing.split(": ")[0]) || "no gradient", 26) }));
  }
  if (node.leftOut) plan.rows.push(rowOf({ left: `${node.leftOut} more input${node.leftOut > 1 ? "s" : ""} not shown` }));
  return sized(plan, Math.max(124, ...plan.rows.map(rowWidth)), plan.rows.length * ROW_HEIGHT + 10);
}

/** @param {Figure} f @returns {number | null} the number that it is, if it is one */
function oneNumberOf(f) {
  if (typeof f === "number") return f;
  return !f.shape.length && f.elements ? f.elements[0] : null;
}

/** @param {TraceNode} node @returns {RowPlan} */
function valueRow(node) {
  const value = /** @type {Summary} */ (node.value);
  const small = value.elements && value.size <= 4 ? figureText(value) : "";
  if (small && small.length <= 28) return rowOf({ left: "value", right: small, value: node.key });
  const odd = oddText(value);
  return rowOf({ left: odd ? "value" : "‖value‖", right: odd || numberText(value.norm), value: node.key });
}

/** @param {Model} model @param {TraceNode} node @returns {string} */
function gradientLabel(model, node) {
  const norm = oneNumberOf(node.gradient ?? node.value) === null;
  const root = cleanText(model.nodes[model.root].name);
  const own = cleanText(node.name);
  if (!model.observed || !own || root.length + own.length > 14) return norm ? "‖gradient‖" : "gradient";
  return norm ? `‖∂${root}/∂${own}‖` : `∂${root}/∂${own}`;
}

/** @param {Model} model @param {TraceNode} node @returns {CellPlan} */
function planCell(model, node) {
  const into = model.eventsInto[node.key];
  const last = node.gradient ?? (into.length ? model.events[into[into.length - 1]].sum : 0);
  if (oneNumberOf(last) === null) return { keys: [node.key], asNorm: true, width: NORM_CELL };
  const longest = into.length > 40 ? 98 : 0;
  const seen = into.length > 40 ? [last] : [last, ...into.map((e) => model.events[e].sum)];
  const width = Math.max(longest, ...seen.map((f) => textWidth(signedText(oneNumberOf(f) ?? 0), TEXT_SIZE)));
  return { keys: [node.key], asNorm: false, width: Math.max(58, width + 12) };
}

/** @param {TraceNode} node @returns {BoxPlan["op"]} */
function planOp(node) {
  if (!node.op) return null;
  const name = cleanText(node.op);
  const call = `${name}(${node.arguments.map(cleanText).join(", ")})`;
  const sign = OP_SIGNS[node.op];
  const isWide = node.inputs.length > 2;
  if (sign) return { words: sign, isSign: true, isWide, width: 30, about: call };
  const words = shortText(name, 16);
  return { words, isSign: false, isWide, width: evenUp(textWidth(words, TEXT_SIZE) + 16), about: call };
}

// ── Groups ──────────────────────────────────────────────────────────────────────────────

/** @param {Model} model @param {CutPart} part @param {TraceGroup} group @returns {BoxPlan} */
function planGroup(model, part, group) {
  const plan = emptyPlan(part);
  const { title, about } = headOf(group);
  plan.head = { title, about };
  const below = nodesBelow(model, group);
  const parameters = below.filter((key) => model.nodes[key].role === "parameter");
  const twins = group.children.filter((c) => model.groups[c].count > 1);
  if (group.kind === "repeat" && twins.length > 1) {
    plan.copies = twins.map((c) => {
      const inside = nodesBelow(model, model.groups[c]);
      const own = inside.filter((key) => model.nodes[key].role === "parameter");
      return own.length ? own : inside;
    });
    const cell = { ...normCell(parameters.length ? parameters : below), copies: plan.copies, width: 128 };
    plan.rows.push(rowOf({ left: "‖∇‖ of each", cell }));
  } else if (parameters.length && parameters.length <= MOST_ROWS) {
    for (const key of parameters) plan.rows.push(parameterRow(model, group, key));
  } else if (parameters.length) {
    plan.rows.push(rowOf({ left: `‖∇‖ of ${parameters.length} parameters`, cell: normCell(parameters) }));
  } else {
    const out = below.filter((key) => key === model.root || model.usesOf[key].some((u) => model.groupOf[model.uses[u].target] !== model.groupOf[key]));
    plan.rows.push(rowOf({ left: "‖∇‖ of its result", cell: normCell(out.length ? out : below) }));
  }
  plan.foot = `${group.count} node${group.count === 1 ? "" : "s"}`;
  const head = textWidth(title, TEXT_SIZE, true) + 26 + 2 * BOX_PAD;
  const widths = [150, head, textWidth(about, TEXT_SIZE) + 2 * BOX_PAD, ...plan.rows.map(rowWidth)];
  const strip = plan.copies.length ? 16 : 0;
  const height = HEAD_HEIGHT + (about ? 18 : 0) + plan.rows.length * ROW_HEIGHT + strip + 24;
  return sized(plan, Math.max(...widths), height);
}

/** @param {TraceGroup} group @returns {{title: string, about: string}} */
function headOf(group) {
  const cut = (/** @type {string} */ text, /** @type {number} */ limit) => shortText(text, limit).replace(/[ →…]*…$/, "…");
  return { title: cut(groupName(group), 30), about: cleanText(group.title) ? cut(cleanText(group.about), 38) : "" };
}

/** @param {number[]} keys @returns {CellPlan} */
function normCell(keys) {
  return { keys, asNorm: true, width: NORM_CELL };
}

/** @param {Model} model @param {TraceGroup} group @param {number} key @returns {RowPlan} */
function parameterRow(model, group, key) {
  const node = model.nodes[key];
  const full = cleanText(node.name);
  const prefix = `${cleanText(group.title)}.`;
  const name = shortText(full.startsWith(prefix) ? full.slice(prefix.length) : full, 18);
  const shape = typeof node.value === "number" ? "" : ` ${shapeText(node.value.shape)}`;
  return rowOf({ left: `${name}${shape}`, cell: normCell([key]) });
}
