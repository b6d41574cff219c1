// @ts-check
// The embedded JSON to a Model, and what is known after each step of the pass.

const NUMBER_WORDS = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

/**
 * What a page embeds, `{trace, groups, options}`, or a bare trace.
 * @param {any} json
 * @returns {Model}
 */
function parseTrace(json) {
  const raw = json.trace ?? json;
  if (raw.format !== "tinygrad_nn trace" || raw.v !== 1) {
    throw new Error(`This page reads "tinygrad_nn trace" version 1, not ${raw.format} ${raw.v}.`);
  }
  const nodes = raw.nodes.map((/** @type {any} */ n, /** @type {number} */ key) =>
    readNode(raw, n, key),
  );
  const { uses, usesOf, usesInto } = readUses(nodes);
  const { events, eventsInto, eventsFrom } = readEvents(raw, nodes, uses, usesInto);
  const groups = readGroups(json.groups, nodes);
  const root = raw.root ?? nodes.length - 1;
  const backward = events.length > 0 || (nodes[root] && nodes[root].gradient !== null);
  const forward = nodes.length;
  return {
    nodes, uses, usesOf, usesInto, events, eventsInto, eventsFrom, groups,
    groupOf: innermost(groups, nodes.length),
    scopes: (raw.scopes ?? []).map(readScope),
    jacobians: raw.jacobians ?? [],
    root,
    total: raw.total ?? nodes.length,
    observed: raw.observed ?? true,
    failure: raw.failure ?? null,
    forward,
    seed: backward ? forward + 1 : 0,
    steps: backward ? forward + 1 + events.length : forward,
    raw,
    options: json.options ?? {},
  };
}

/** @param {any} x @returns {number} */
function readNumber(x) {
  return typeof x === "string" ? (NUMBER_WORDS.get(x) ?? NaN) : Number(x);
}

/** @param {any} f @returns {Figure} */
function readFigure(f) {
  if (typeof f !== "object" || f === null) return readNumber(f);
  const shape = f.shape ?? [];
  const picture = f.picture ? { ...f.picture, limit: readNumber(f.picture.limit) } : null;
  return {
    shape,
    dtype: f.dtype ?? "",
    size: shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1),
    mean: readNumber(f.mean ?? 0),
    deviation: readNumber(f.deviation ?? 0),
    low: readNumber(f.low ?? 0),
    high: readNumber(f.high ?? 0),
    norm: readNumber(f.norm ?? 0),
    nans: f.nans ?? 0,
    infs: f.infs ?? 0,
    zeros: f.zeros ?? 0,
    elements: f.elements ? f.elements.map(readNumber) : null,
    picture,
  };
}

/** @param {any} f @returns {Figure | null} */
function readFigureOrNull(f) {
  return f === null || f === undefined ? null : readFigure(f);
}

/** @param {any} raw @param {any} n @param {number} key @returns {TraceNode} */
function readNode(raw, n, key) {
  const op = n.op === null || n.op === undefined ? null : raw.ops[n.op];
  return {
    key,
    name: n.name ?? "",
    named: n.named ?? false,
    role: n.role ?? "value",
    op: op ? op.name : "",
    arguments: op ? (op.arguments ?? []) : [],
    doc: op ? (op.doc ?? "") : "",
    params: n.params ?? [],
    inputs: n.inputs ?? [],
    scope: n.scope ?? null,
    line: n.line === null || n.line === undefined ? "" : raw.lines[n.line],
    value: readFigure(n.value ?? NaN),
    gradient: readFigureOrNull(n.gradient),
    missing: n.missing ?? "",
    leftOut: n.left_out ?? 0,
    changed: n.changed ?? false,
  };
}

/** @param {any} s @returns {TraceScope} */
function readScope(s) {
  return {
    path: s.path ?? "", kind: s.kind ?? "", about: s.about ?? "", parent: s.parent ?? null,
    call: s.call ?? 0, parameters: s.parameters ?? 0,
  };
}

/** @param {TraceNode[]} nodes */
function readUses(nodes) {
  /** @type {Use[]} */
  const uses = [];
  const usesOf = nodes.map(() => /** @type {number[]} */ ([]));
  const usesInto = nodes.map(() => /** @type {number[]} */ ([]));
  for (const node of nodes) {
    for (const [source, slot] of node.inputs) {
      usesOf[source].push(uses.length);
      usesInto[node.key].push(uses.length);
      uses.push({ index: uses.length, source, target: node.key, slot, event: -1 });
    }
  }
  return { uses, usesOf, usesInto };
}

/** @param {any} raw @param {TraceNode[]} nodes @param {Use[]} uses @param {number[][]} usesInto */
function readEvents(raw, nodes, uses, usesInto) {
  const eventsInto = nodes.map(() => /** @type {number[]} */ ([]));
  const eventsFrom = nodes.map(() => /** @type {number[]} */ ([]));
  /** @type {BackwardEvent[]} */
  const events = (raw.steps ?? []).map((/** @type {any} */ s, /** @type {number} */ index) => {
    const along = usesInto[s.from].find(
      (u) => uses[u].slot === s.slot && uses[u].source === s.to && uses[u].event < 0,
    );
    if (along !== undefined) uses[along].event = index;
    eventsInto[s.to].push(index);
    eventsFrom[s.from].push(index);
    return {
      index, from: s.from, to: s.to, slot: s.slot,
      local: s.local === null || s.local === undefined ? null : readNumber(s.local),
      adds: readFigure(s.adds),
      sum: readFigure(s.sum ?? s.adds),
      rule: s.rule === null || s.rule === undefined ? "" : raw.rules[s.rule],
      use: along ?? -1,
    };
  });
  return { events, eventsInto, eventsFrom };
}

/** @param {any[] | undefined} given @param {TraceNode[]} nodes @returns {TraceGroup[]} */
function readGroups(given, nodes) {
  const list = given && given.length ? given : [{ nodes: [[0, nodes.length - 1]] }];
  /** @type {TraceGroup[]} */
  const groups = [];
  // What is not told is as in the group before; "3 of 9" goes on as "4 of 9".
  let last = { kind: "graph", title: "", about: "", parent: null, scope: null };
  list.forEach((told, index) => {
    const title = last.title.replace(/^\d{1,9}(?= of \d+$)/, (n) => String(Number(n) + 1));
    last = { ...last, title, ...told };
    const nodes = keysOf(told.nodes);
    groups.push({ .../** @type {any} */ (last), key: `g${index}`, index, nodes, count: nodes.length, children: [] });
  });
  for (let k = groups.length - 1; k > 0; k--) {
    const around = groups[/** @type {number} */ (groups[k].parent)];
    around.children.unshift(k);
    around.count += groups[k].count;
  }
  return groups;
}

/** @param {(number | [number, number])[]} ranges  keys, or the first and last of a row of them */
function keysOf(ranges) {
  /** @type {number[]} */
  const keys = [];
  for (const range of ranges) {
    const [first, last] = typeof range === "number" ? [range, range] : range;
    for (let key = first; key <= last; key++) keys.push(key);
  }
  return keys;
}

/** @param {TraceGroup[]} groups @param {number} count @returns {Int32Array} */
function innermost(groups, count) {
  const found = new Int32Array(count);
  for (const g of groups) for (const key of g.nodes) found[key] = g.index;
  return found;
}

// ── Steps ───────────────────────────────────────────────────────────────────────────────

/** @param {Model} model @param {number} index @returns {number} step at which an event happens */
function stepOfEvent(model, index) {
  return model.seed + 1 + index;
}

/** @param {Model} model @param {number} step @returns {StepInfo} */
function stepInfo(model, step) {
  if (step <= 0) return { phase: "start", index: 0, node: null, event: null };
  if (step <= model.forward) {
    return { phase: "forward", index: step - 1, node: model.nodes[step - 1], event: null };
  }
  if (step === model.seed) {
    return { phase: "seed", index: 0, node: model.nodes[model.root], event: null };
  }
  const event = model.events[step - model.seed - 1];
  return { phase: "backward", index: event.index, node: model.nodes[event.to], event };
}

/** @param {Model} model @param {number} key @param {number} step @returns {Figure | null} */
function valueAt(model, key, step) {
  return key < step ? model.nodes[key].value : null;
}

/**
 * Gradient of a node after a step: the sum so far; null before anything arrived.
 * @param {Model} model @param {number} key @param {number} step @returns {Figure | null}
 */
function gradientAt(model, key, step) {
  if (!model.seed || step < model.seed) {
    return model.seed || step < model.steps ? null : model.nodes[key].gradient;
  }
  const into = model.eventsInto[key];
  if (!into.length) {
    // The root has its gradient from the seed; what earlier passes left is there all along.
    return model.nodes[key].gradient;
  }
  const done = countBelow(into, step - model.seed);
  if (done === into.length) return model.nodes[key].gradient ?? model.events[into[done - 1]].sum;
  return done ? model.events[into[done - 1]].sum : null;
}

/** @param {number[]} sorted @param {number} limit @returns {number} how many are below the limit */
function countBelow(sorted, limit) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

// ── Groups ──────────────────────────────────────────────────────────────────────────────

/**
 * Groups that are open at a level, as `view` of the drawings says; all, if the page was told of none.
 * @param {Model} model @param {"first" | PageState["level"]} level @returns {Set<string>}
 */
function openAt(model, level) {
  const told = model.options.open?.[level];
  return new Set(told ? keysOf(told).map((index) => `g${index}`) : model.groups.map((g) => g.key));
}

/** @param {Model} model @param {number} key @returns {TraceGroup[]} groups around a node, outermost first */
function groupsAround(model, key) {
  const found = [];
  for (let i = /** @type {number | null} */ (model.groupOf[key]); i !== null; i = model.groups[i].parent) {
    found.push(model.groups[i]);
  }
  return found.reverse();
}
