// @ts-check
// One cut through the tree of groups: the parts that are drawn, the links between them, and the
// frames around them. Open groups are frames; closed ones and single nodes are parts.

/**
 * @typedef {object} CutPart
 * @property {number} index  position in the order of computation
 * @property {string} key  `n3`, or the key of a group
 * @property {TraceNode | null} node
 * @property {TraceGroup | null} group
 * @property {number | null} frame  position of the innermost frame around it
 */

/**
 * @typedef {object} CutLink
 * @property {number} index
 * @property {number} source  position of a part
 * @property {number} target
 * @property {number[]} uses  that it stands for: one, unless an end is a group
 */

/** @typedef {{index: number, group: TraceGroup, parent: number | null}} CutFrame */

/**
 * @typedef {object} Cut
 * @property {CutPart[]} parts
 * @property {CutLink[]} links
 * @property {CutFrame[]} frames
 * @property {Int32Array} partOf  for each node the position of its part
 * @property {Int32Array} linkOf  for each use its link, or -1 inside of one part
 * @property {Map<string, number>} at  position of a part by its key
 * @property {string} name  the same for the same cut
 */

/**
 * @param {Model} model @param {(group: TraceGroup) => boolean} isOpen
 * @param {PageState["level"]} level @returns {Cut}
 */
function cutOf(model, isOpen, level) {
  const partOf = new Int32Array(model.nodes.length);
  /** @type {CutPart[]} */
  const parts = [];
  /** @type {CutFrame[]} */
  const frames = [];
  const names = [];
  /** @type {[TraceGroup, number | null][]} */
  const stack = [[model.groups[0], null]];
  while (stack.length) {
    const [group, frame] = /** @type {[TraceGroup, number | null]} */ (stack.pop());
    const isSeen = group.parent !== null && !isThin(model, group, level, isOpen(group));
    if (isSeen && !isOpen(group)) {
      for (const key of nodesBelow(model, group)) partOf[key] = parts.length;
      parts.push({ index: parts.length, key: group.key, node: null, group, frame });
      continue;
    }
    let inner = frame;
    if (isSeen) {
      inner = frames.length;
      frames.push({ index: inner, group, parent: frame });
      names.push(group.key);
    }
    for (const key of group.nodes) {
      partOf[key] = parts.length;
      parts.push({ index: parts.length, key: `n${key}`, node: model.nodes[key], group: null, frame: inner });
    }
    for (let k = group.children.length - 1; k >= 0; k--) stack.push([model.groups[group.children[k]], inner]);
  }
  const { links, linkOf } = cutLinks(model, parts, partOf);
  const ordered = inOrder(parts, links);
  const place = new Int32Array(parts.length);
  ordered.forEach((old, now) => { place[old] = now; });
  const sorted = ordered.map((old, index) => ({ ...parts[old], index }));
  for (const link of links) {
    link.source = place[link.source];
    link.target = place[link.target];
  }
  return {
    parts: sorted, links, frames, linkOf, partOf: partOf.map((p) => place[p]),
    at: new Map(sorted.map((p) => [p.key, p.index])), name: names.join(" "),
  };
}

/** Graphs of so few nodes have no frames around mere runs of operations. */
const SMALL_GRAPH = 40;

/**
 * Whether a group is shown as what is in it. Where all nodes are shown, only modules are framed:
 * frames stand one behind the other, and rows of equal operations need not.
 * @param {Model} model @param {TraceGroup} group @param {PageState["level"]} level @param {boolean} open
 */
function isThin(model, group, level, open) {
  if (group.kind === "module") return false;
  const all = level === "scalar" && model.nodes.length <= MOST_BOXES;
  return all || (open && model.nodes.length <= SMALL_GRAPH && group.kind !== "repeat");
}

/** @param {Model} model @param {CutPart[]} parts @param {Int32Array} partOf */
function cutLinks(model, parts, partOf) {
  const linkOf = new Int32Array(model.uses.length).fill(-1);
  /** @type {CutLink[]} */
  const links = [];
  /** @type {Map<number, CutLink>} */
  const bundled = new Map();
  for (const use of model.uses) {
    const [source, target] = [partOf[use.source], partOf[use.target]];
    if (source === target) continue;
    const single = parts[source].node && parts[target].node;
    const name = source * parts.length + target;
    let link = single ? undefined : bundled.get(name);
    if (!link) {
      link = { index: links.length, source, target, uses: [] };
      links.push(link);
      if (!single) bundled.set(name, link);
    }
    link.uses.push(use.index);
    linkOf[use.index] = link.index;
  }
  return { links, linkOf };
}

/** Order in which every link runs onward, as near to the given one as can be. @param {CutPart[]} parts @param {CutLink[]} links */
function inOrder(parts, links) {
  const waiting = new Int32Array(parts.length);
  const out = emptyLists(parts.length);
  for (const link of links) {
    waiting[link.target] += 1;
    out[link.source].push(link.target);
  }
  const done = new Uint8Array(parts.length);
  const order = [];
  // Depth first from each start in turn; what waits is entered by the last of its inputs.
  const enter = (/** @type {number} */ start) => {
    const stack = [start];
    while (stack.length) {
      const k = /** @type {number} */ (stack.pop());
      if (done[k]) continue;
      done[k] = 1;
      order.push(k);
      for (const j of [...out[k]].reverse()) if (!--waiting[j]) stack.push(j);
    }
  };
  for (let k = 0; k < parts.length; k++) if (!waiting[k] && !done[k]) enter(k);
  // A cut has no circles; should one come all the same, nothing is lost.
  for (let k = 0; k < parts.length; k++) if (!done[k]) order.push(k);
  return order;
}

/** @type {WeakMap<TraceGroup, number[]>} */
const BELOW = new WeakMap();

/** @param {Model} model @param {TraceGroup} group @returns {number[]} keys of all nodes in it, in order */
function nodesBelow(model, group) {
  let found = BELOW.get(group);
  if (!found) {
    found = [...group.nodes];
    for (const child of group.children) for (const key of nodesBelow(model, model.groups[child])) found.push(key);
    found.sort((a, b) => a - b);
    BELOW.set(group, found);
  }
  return found;
}

/** @param {Model} model @param {CutPart} part @returns {number[]} */
function nodesOfPart(model, part) {
  return part.node ? [part.node.key] : nodesBelow(model, /** @type {TraceGroup} */ (part.group));
}

/** Parts of the longest way to the root, through whole numbers and arrays. @param {Model} model @param {Cut} cut @returns {number[]} */
function spineOf(model, cut) {
  const length = new Int32Array(cut.parts.length);
  const before = new Int32Array(cut.parts.length).fill(-1);
  const into = cut.parts.map(() => /** @type {CutLink[]} */ ([]));
  for (const link of cut.links) into[link.target].push(link);
  for (const part of cut.parts) {
    for (const { source } of into[part.index]) {
      if (length[source] + 1 > length[part.index]) {
        length[part.index] = length[source] + 1;
        before[part.index] = source;
      }
    }
  }
  const spine = [];
  for (let k = cut.partOf[model.root]; k >= 0; k = before[k]) spine.push(k);
  return spine.reverse();
}

/** @param {TraceGroup} group @returns {string} what it is called, on one line */
function groupName(group) {
  return cleanText(group.title) || cleanText(group.about) || group.kind;
}
