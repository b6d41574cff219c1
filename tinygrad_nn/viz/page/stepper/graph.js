// @ts-check
// The graph: it shows the cut that the state asks for, marks the present step, and is moved.

const MOST_BOXES = 300;
const MOST_LINKS = 600;
const FAR_ZOOM = 0.42;
const VIEW_MARGIN = 36;
/** Items of a layout up to which it is made with all care. */
const CAREFUL_ITEMS = 2500;
/** Room between layers holds the label of an edge: its breadth to the right, its height down. */
const PAGE_LAYOUT = {
  LR: { gaps: /** @type {[number, number]} */ ([108, 136]), padding: 16, title: 38, most: CAREFUL_ITEMS },
  TB: { gaps: /** @type {[number, number]} */ ([90, 110]), padding: 16, title: 38, most: CAREFUL_ITEMS },
};

/**
 * What is drawn at present.
 * @typedef {object} Drawing
 * @property {Cut} cut
 * @property {"TB" | "LR"} direction
 * @property {BoxPlan[]} plans
 * @property {[number, number, number, number][]} rects  left, top, right, bottom of each part
 * @property {Point[]} centres
 * @property {Point[][]} curves
 * @property {[number, number, number, number][]} frames
 * @property {number} width
 * @property {number} height
 * @property {boolean} isLarge  whether only what is near the window is made
 * @property {string[]} order  keys of frames and parts, for the keyboard
 */

/**
 * @param {Model} model @param {(group: TraceGroup) => boolean} isOpen
 * @param {PageState["level"]} level @param {"TB" | "LR"} direction @returns {Drawing}
 */
function drawingOf(model, isOpen, level, direction) {
  const cut = cutOf(model, isOpen, level);
  const plans = cut.parts.map((part) => planBox(model, part, direction));
  const placed = placeNested(
    plans.map(({ width, height }) => ({ width: evenUp(width), height: evenUp(height) })),
    cut.links.map(({ source, target }) => [source, target]), direction,
    { ...PAGE_LAYOUT[direction], spine: spineOf(model, cut) },
    cut.parts.map((part) => part.frame),
    cut.frames.map((frame) => [frameTitleWidth(frame.group), frame.parent]),
  );
  const { centres } = placed;
  const curves = cut.links.map((link, k) => reachingCircle(placed.curves[k], plans[link.target], centres[link.target], direction));
  return {
    cut, direction, plans, centres, curves, frames: placed.frames, width: placed.width, height: placed.height,
    rects: plans.map((p, k) => {
      const [x, y] = centres[k];
      return [x - p.width / 2, y - p.height / 2, x + p.width / 2, y + p.height / 2];
    }),
    isLarge: cut.parts.length > MOST_BOXES || cut.links.length > MOST_LINKS,
    order: keyboardOrder(cut),
  };
}

/** @param {Cut} cut @returns {string[]} each frame before what is in it */
function keyboardOrder(cut) {
  const seen = new Set();
  const order = [];
  for (const part of cut.parts) {
    const around = [];
    for (let f = part.frame; f !== null && !seen.has(f); f = cut.frames[f].parent) {
      seen.add(f);
      around.push(cut.frames[f].group.key);
    }
    order.push(...around.reverse(), part.key);
  }
  return order;
}

/**
 * Groups that the present step is in: of the operation whose gradient is handed on.
 * @param {Model} model @param {number} step @returns {TraceGroup[]}
 */
function groupsOfStep(model, step) {
  const { phase, node, event } = stepInfo(model, step);
  if (phase === "start" || !node) return [];
  return groupsAround(model, event ? event.from : node.key).slice(1);
}

/**
 * @param {HTMLElement} element @param {Model} model @param {Store} store @returns {Graph}
 */
function makeGraph(element, model, store) {
  const world = svgMake("g.world");
  const svg = svgMake("svg.graph", { role: "group", tabindex: -1 }, svgMake("defs", {}, ...arrowTips(), hatchPattern()), world);
  element.append(svg);
  const pane = makePane(svg, (view) => shown(view));
  const scene = makeScene(model, world);
  const minimap = makeMinimap(element, pane);
  makeZoomButtons(element, pane);
  const key = makeKey(element, model);
  const signs = makeSigns(element, (name) => graph.reveal(name));
  /** Groups that the reader closed against "follow". @type {Set<string>} */
  const shut = new Set();
  let opened = openNow();
  /** Those of the last cuts: steps go to and fro between groups. @type {Map<string, Drawing>} */
  const drawings = new Map();
  let drawing = drawingNow();
  let tabKey = drawing.order[0] ?? "";
  /** Key of the group that is being opened or closed by hand. */
  let pressed = "";
  let lastStep = 0;

  /** @returns {"TB" | "LR"} */
  function directionNow() {
    return pane.size().width < 640 ? "TB" : "LR";
  }

  /** @returns {Drawing} */
  function drawingNow() {
    const direction = directionNow();
    const { level } = store.state;
    const name = `${direction} ${level} ${[...opened].sort().join(" ")}`;
    const found = drawings.get(name) ?? drawingOf(model, isOpen, level, direction);
    drawings.delete(name);
    drawings.set(name, found);
    if (drawings.size > 16) drawings.delete(/** @type {string} */ (drawings.keys().next().value));
    return found;
  }

  /** @returns {Set<string>} keys of the groups that are frames now */
  function openNow() {
    const { open, follow, step } = store.state;
    const found = new Set(open);
    if (follow) for (const g of groupsOfStep(model, step)) if (!shut.has(g.key)) found.add(g.key);
    return found;
  }

  /** @param {TraceGroup} group */
  function isOpen(group) {
    return opened.has(group.key);
  }

  /** @param {PaneView} view */
  function shown(view) {
    world.setAttribute("transform", `translate(${Math.round(view.x * 10) / 10} ${Math.round(view.y * 10) / 10}) scale(${Math.round(view.k * 1e4) / 1e4})`);
    svg.classList.toggle("far", view.k < FAR_ZOOM);
    if (drawing.isLarge) scene.cull(view, pane.size(), tabKey);
    minimap.look(view, pane.size());
    signs.show(scene.endRects(store.state.step || model.seed), view, pane.size());
    if (drawing.isLarge) paint();
  }

  function paint() {
    scene.paint(store.state);
    key.show(store.state, scene.most());
    for (const [name, g] of scene.focusable()) g.setAttribute("tabindex", name === tabKey ? "0" : "-1");
  }

  /**
   * Where something is in the drawing: the header of a group, or the part of a node.
   * @param {string | number} what @returns {Point}
   */
  function spotOf(what) {
    if (typeof what === "number") return drawing.centres[drawing.cut.partOf[what]];
    const rect = scene.rectOf(what);
    return rect ? [rect[0], rect[1]] : [0, 0];
  }

  /** Lay out anew, with something where it was on the screen. @param {string | number | null} anchor */
  function rebuild(anchor) {
    const held = anchor === null ? null : spotOf(anchor);
    const focus = svg.contains(document.activeElement);
    drawing = drawingNow();
    scene.draw(drawing);
    if (!drawing.order.includes(tabKey)) tabKey = drawing.order[0] ?? "";
    if (held && anchor !== null) {
      const [x, y] = spotOf(anchor);
      const { view } = pane;
      pane.view = { k: view.k, x: view.x + (held[0] - x) * view.k, y: view.y + (held[1] - y) * view.k };
    }
    minimap.draw(drawing);
    const count = drawing.cut.parts.length;
    svg.setAttribute("aria-label", `Graph of ${shortText(nodeName(model.nodes[model.root]), 60)}: ${count} box${count === 1 ? "" : "es"}. Page Down and Page Up go from box to box, Enter opens or closes one.`);
    shown(pane.view);
    paint();
    if (focus) scene.focusable().get(tabKey)?.focus();
  }

  /** @param {boolean} smoothly */
  function bringIntoView(smoothly) {
    const rect = scene.activeRect(store.state, pane.size());
    if (rect) pane.show(viewWith(pane.view, pane.size(), rect, VIEW_MARGIN), smoothly);
    else shown(pane.view);
  }

  function fit() {
    pane.show(viewOfWhole(drawing, pane.size(), VIEW_MARGIN), true);
  }

  /** The first look: all of it, with less room around it if need be, or where it begins if its texts were too small. */
  function firstLook() {
    const margin = [VIEW_MARGIN, 12].find((m) => viewOfWhole(drawing, pane.size(), m).k >= READABLE) ?? VIEW_MARGIN;
    const whole = viewOfWhole(drawing, pane.size(), margin);
    pane.show(whole);
    if (whole.k < 0.6 && drawing.rects.length) {
      pane.show({ ...viewWith(whole, pane.size(), drawing.rects[0], VIEW_MARGIN) });
    }
    bringIntoView(false);
  }

  /** @param {string} name  key of a group */
  function toggle(name) {
    const group = model.groups.find((g) => g.key === name);
    if (!group) return;
    const open = new Set(store.state.open);
    if (opened.has(name)) {
      open.delete(name);
      shut.add(name);
    } else {
      open.add(name);
      shut.delete(name);
    }
    tabKey = name;
    pressed = name;
    store.set({ open });
    pressed = "";
  }

  /** Draw anew if something else is open than what is drawn. @param {string | number} anchor @param {boolean} anew */
  function regroup(anchor, anew) {
    const now = openNow();
    if (!anew && now.size === opened.size && [...now].every((name) => opened.has(name))) return;
    opened = now;
    rebuild(anchor);
  }

  /** @param {string} name @returns {void} */
  function press(name) {
    if (name.startsWith("g")) toggle(name);
    else store.set({ selected: Number(name.slice(1)) });
  }

  store.subscribe((state, before) => {
    if (state.open !== before.open && !pressed) {
      // "Collapse all" closes what is open because of the present step too.
      if (state.level !== before.level || (state.follow && !before.follow)) shut.clear();
      if (!state.open.size) for (const name of opened) shut.add(name);
    } else if (state.follow && !before.follow) shut.clear();
    const { node, event } = stepInfo(model, state.step);
    regroup(pressed || (event ? event.from : (node?.key ?? model.root)), state.level !== before.level);
    paint();
    if (state.step !== before.step) {
      const now = performance.now();
      bringIntoView(now - lastStep > 250);
      lastStep = now;
    }
  });

  listen(svg, {
    click(/** @type {MouseEvent} */ event) {
      if (pane.wasDragged()) return;
      const at = /** @type {Element} */ (event.target);
      const box = at.closest("[data-part]");
      if (box) return press(box.getAttribute("data-part") ?? "");
      const line = at.closest("[data-link]");
      const first = line ? scene.eventsOfLink(Number(line.getAttribute("data-link")))[0] : undefined;
      if (first !== undefined) store.set({ step: stepOfEvent(model, first) });
    },
    keydown(/** @type {KeyboardEvent} */ event) {
      const box = /** @type {Element} */ (event.target).closest("[data-part]");
      if (!box || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Enter" || event.key === " ") press(box.getAttribute("data-part") ?? "");
      else if (event.key === "PageDown") graph.focusBeside(1);
      else if (event.key === "PageUp") graph.focusBeside(-1);
      else return;
      event.preventDefault();
    },
    focusin(/** @type {FocusEvent} */ event) {
      const box = /** @type {Element} */ (event.target).closest("[data-part]");
      const name = box?.getAttribute("data-part");
      if (!box || !name) return;
      tabKey = name;
      for (const [other, g] of scene.focusable()) g.setAttribute("tabindex", other === name ? "0" : "-1");
      if (box.querySelector(":focus-visible")) graph.reveal(name);
    },
  });

  /** @type {Graph} */
  const graph = {
    fit,
    zoomBy: (factor) => pane.zoomBy(factor),
    panBy: (dx, dy) => pane.panBy(dx, dy),
    reveal(name) {
      const rect = scene.rectOf(name);
      if (rect) pane.show(viewWith(pane.view, pane.size(), rect, VIEW_MARGIN), true);
    },
    focusNode(node) {
      focusOn(graph.visiblePartOf(node));
    },
    focusBeside(by) {
      const k = drawing.order.indexOf(tabKey) + by;
      if (k >= 0 && k < drawing.order.length) focusOn(drawing.order[k]);
    },
    svgText: () => exportedSvg(svg, drawing),
    visiblePartOf: (node) => drawing.cut.parts[drawing.cut.partOf[node]].key,
    insideRange: (step) => rangeInside(model, drawing.cut, step),
    parts: () => drawing.cut.parts.map((part) => ({
      part: part.key, title: partName(part), about: part.group ? cleanText(part.group.about) : "",
    })),
    active: () => scene.activeParts(store.state.step)[0] ?? "",
    resize() {
      pane.size(true);
      const turned = directionNow() !== drawing.direction;
      if (turned) rebuild(null);
      if (turned || !store.state.step) firstLook();
      else bringIntoView(false);
      shown(pane.view);
    },
  };

  /** @param {string} name */
  function focusOn(name) {
    tabKey = name;
    const rect = scene.rectOf(name);
    if (rect) pane.show(viewWith(pane.view, pane.size(), rect, VIEW_MARGIN));
    scene.focusable().get(name)?.focus();
  }

  rebuild(null);
  firstLook();
  let known = pane.size();
  new ResizeObserver(() => {
    const now = pane.size(true);
    if (now.width === known.width && now.height === known.height) return;
    known = now;
    graph.resize();
  }).observe(element);
  return graph;
}

/** @returns {SVGElement} stripes for what is not finite */
function hatchPattern() {
  return svgMake(
    "pattern", { id: "odd-stripes", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svgMake("path.stripe", { d: "M1 0V6" }),
  );
}

/**
 * Steps without a gap around one, that happen inside the same closed part; null if it shows all.
 * @param {Model} model @param {Cut} cut @param {number} step @returns {InsideRange | null}
 */
function rangeInside(model, cut, step) {
  const part = partOfStep(model, cut, step);
  if (part < 0 || !cut.parts[part].group) return null;
  const phase = stepInfo(model, step).phase;
  const [low, high] = phase === "forward" ? [1, model.forward] : [model.seed + 1, model.steps];
  let first = step;
  let last = step;
  while (first > low && partOfStep(model, cut, first - 1) === part) first -= 1;
  while (last < high && partOfStep(model, cut, last + 1) === part) last += 1;
  return { part: cut.parts[part].key, title: partName(cut.parts[part]), first, last };
}

/** @param {Model} model @param {Cut} cut @param {number} step @returns {number} the part that all of a step is in, or -1 */
function partOfStep(model, cut, step) {
  if (step <= 0 || step === model.seed) return -1;
  if (step <= model.forward) return cut.partOf[step - 1];
  const { from, to } = model.events[step - model.seed - 1];
  return cut.partOf[from] === cut.partOf[to] ? cut.partOf[to] : -1;
}
