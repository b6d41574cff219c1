// @ts-check
// The elements of the drawing: which of them exist, and how they look at a step.

/** @typedef {[number, number, number, number]} Rect  left, top, right, bottom */

/** @param {Rect[]} rects @returns {Rect} the least that holds all */
function rectOfAll(rects) {
  const ends = (/** @type {0 | 1 | 2 | 3} */ side) => rects.map((r) => r[side]);
  return [Math.min(...ends(0)), Math.min(...ends(1)), Math.max(...ends(2)), Math.max(...ends(3))];
}

/** @param {Point} spot @param {number} width @returns {Rect} */
function rectAtLabel([x, y], width) {
  return [x - width / 2, y - LABEL_HEIGHT / 2, x + width / 2, y + LABEL_HEIGHT / 2];
}

/**
 * @typedef {object} Scene
 * @property {(drawing: Drawing) => void} draw
 * @property {(view: PaneView, room: {width: number, height: number}, keep: string) => void} cull
 * @property {(state: PageState) => void} paint
 * @property {() => Map<string, SVGElement>} focusable  by the keys of parts and frames
 * @property {(name: string) => [number, number, number, number] | null} rectOf
 * @property {(state: PageState, room: {width: number, height: number}) => [number, number, number, number] | null} activeRect
 *   of both ends of the present edge; of its label and the end that gets the gradient, if both
 *   ends cannot be read at once
 * @property {(step: number) => {name: string, title: string, rect: Rect}[]} endRects
 * @property {(step: number) => string[]} activeParts
 * @property {(link: number) => number[]} eventsOfLink
 * @property {() => number} most  largest norm that is added along one link
 */

/** @param {Model} model @param {SVGElement} world @returns {Scene} */
function makeScene(model, world) {
  const layer = (/** @type {string} */ kind) => world.appendChild(svgMake(`g.${kind}`));
  const [frames, backdrop, lines, titles, labels, boxes, overlay] = ["frames", "backdrop", "lines", "titles", "labels", "boxes", "overlay"].map(layer);
  backdrop.setAttribute("aria-hidden", "true");
  overlay.setAttribute("aria-hidden", "true");
  labels.setAttribute("aria-hidden", "true");
  /** Boxes that were built once, by the keys of their parts and the direction. @type {Map<string, BoxView>} */
  const built = new Map();
  /** @type {Map<number, BoxView>} */
  const drawn = new Map();
  /** @type {Map<number, LinkView>} */
  const links = new Map();
  /** @type {Map<string, SVGElement>} */
  const heads = new Map();
  /** @type {Drawing} */
  let d;
  let most = 0;
  let overlaid = "";
  /** Where the label of the present edge stands. @type {Point | null} */
  let labelled = null;
  /** @type {SVGElement[]} */
  let marked = [];

  /** @param {number} k @returns {BoxView} */
  function boxAt(k) {
    const { key } = d.cut.parts[k];
    const name = `${d.direction} ${key}`;
    let view = built.get(name);
    if (!view) {
      view = buildBox(model, d.plans[k]);
      if (built.size > 3000) built.clear();
      built.set(name, view);
    }
    const [x, y] = d.rects[k];
    view.g.setAttribute("transform", `translate(${x} ${y})`);
    return view;
  }

  /** Make the boxes of these parts exist, and no others. @param {Set<number>} wanted */
  function keep(wanted) {
    for (const [k, view] of drawn) {
      if (wanted.has(k)) continue;
      view.g.remove();
      drawn.delete(k);
    }
    let added = false;
    for (const k of wanted) {
      if (drawn.has(k)) continue;
      const view = boxAt(k);
      drawn.set(k, view);
      boxes.append(view.g);
      added = true;
    }
    return added;
  }

  /** @param {Set<number> | null} among  ends of the links to draw; all if null */
  function keepLinks(among) {
    for (const link of d.cut.links) {
      const wanted = !among || among.has(link.source) || among.has(link.target);
      const view = links.get(link.index);
      if (wanted === Boolean(view)) continue;
      if (view) {
        view.g.remove();
        links.delete(link.index);
      } else {
        const made = buildLink(model, link, d.curves[link.index]);
        links.set(link.index, made);
        lines.append(made.g);
      }
    }
  }

  /** What is not drawn as boxes, as one outline. @param {boolean} some */
  function paintBackdrop(some) {
    backdrop.replaceChildren();
    if (!some) return;
    const outline = d.rects.map(([l, t, r, b]) => `M${l} ${t}H${r}V${b}H${l}z`).join("");
    const curves = d.curves.map(pathText).join("");
    backdrop.append(svgMake("path.line", { d: curves }), svgMake("path.shape", { d: outline }));
  }

  function paintLabels() {
    labels.replaceChildren();
    if (d.cut.links.length > 120) return;
    for (const link of d.cut.links) {
      const grouped = d.cut.parts[link.source].group || d.cut.parts[link.target].group;
      const words = grouped ? shapeOnLink(model, link) : "";
      if (words && words.length < 14) labels.append(buildLabel(words, labelSpot(d.curves[link.index], d.direction), `shape-label.of-${link.index}`));
    }
  }

  /** @param {PageState} state @param {boolean} hides */
  function paintOverlay(state, hides) {
    const { event } = stepInfo(model, state.step);
    const link = event && event.use >= 0 ? d.cut.linkOf[event.use] : -1;
    const name = `${link} ${state.step} ${hides}`;
    if (overlaid === name) return;
    overlaid = name;
    overlay.replaceChildren();
    for (const other of labels.children) other.removeAttribute("visibility");
    labelled = null;
    if (!event || link < 0) return;
    const curve = d.curves[link];
    labelled = labelSpot(curve, d.direction);
    overlay.append(svgMake("path.now", { d: pathText(curve) }), buildLabel(hides ? "?" : contributionText(event), labelled, "now-label"));
    labels.querySelector(`.of-${link}`)?.setAttribute("visibility", "hidden");
  }

  /** @param {PageState} state */
  function mark(state) {
    for (const g of marked) {
      g.classList.remove("active", "selected", "flowing");
      g.querySelector(".press")?.removeAttribute("aria-current");
    }
    marked = [];
    for (const key of scene.activeParts(state.step)) {
      const g = drawn.get(d.cut.at.get(key) ?? -1)?.g;
      if (!g) continue;
      g.classList.add("active");
      g.querySelector(".press")?.setAttribute("aria-current", "step");
      marked.push(g);
    }
    const { phase, node } = stepInfo(model, state.step);
    if (phase === "forward" && node) {
      for (const u of model.usesInto[node.key]) {
        const g = links.get(d.cut.linkOf[u])?.g;
        if (!g) continue;
        g.classList.add("flowing");
        marked.push(g);
      }
    }
    if (state.selected !== null && model.nodes[state.selected]) {
      const g = drawn.get(d.cut.partOf[state.selected])?.g;
      if (g) {
        g.classList.add("selected");
        marked.push(g);
      }
    }
  }

  /** @type {Scene} */
  const scene = {
    draw(drawing) {
      d = drawing;
      for (const { g } of drawn.values()) g.remove();
      drawn.clear();
      for (const { g } of links.values()) g.remove();
      links.clear();
      heads.clear();
      overlaid = "";
      // The titles stand above the links, which may run through them.
      const framed = d.cut.frames.map((frame) => buildFrame(frame, d.frames[frame.index]));
      frames.replaceChildren(...framed.map(({ border }) => border));
      titles.replaceChildren(...framed.map(({ head }) => head));
      framed.forEach(({ press }, k) => heads.set(d.cut.frames[k].group.key, press));
      paintBackdrop(d.isLarge);
      paintLabels();
      most = 0;
      for (const link of d.cut.links) {
        const events = link.uses.map((u) => model.uses[u].event).filter((e) => e >= 0);
        if (events.length) most = Math.max(most, normOfEvents(model, events));
      }
      if (d.isLarge) return;
      keep(new Set(d.cut.parts.keys()));
      keepLinks(null);
    },
    cull(view, room, kept) {
      const [left, top] = [-view.x / view.k, -view.y / view.k];
      const [width, height] = [room.width / view.k, room.height / view.k];
      const [cx, cy] = [left + width / 2, top + height / 2];
      const near = [];
      for (let k = 0; k < d.rects.length; k++) {
        const [l, t, r, b] = d.rects[k];
        if (r < left - width / 5 || l > left + width * 1.2 || b < top - height / 5 || t > top + height * 1.2) continue;
        near.push({ k, far: Math.hypot((l + r) / 2 - cx, (t + b) / 2 - cy) });
      }
      near.sort((a, b) => a.far - b.far || a.k - b.k);
      const wanted = new Set(near.slice(0, MOST_BOXES - 1).map(({ k }) => k));
      const focus = d.cut.at.get(kept);
      if (focus !== undefined) wanted.add(focus);
      if ([...wanted].every((k) => drawn.has(k)) && wanted.size === drawn.size) return;
      keep(wanted);
      keepLinks(wanted);
    },
    paint(state) {
      const hides = isHidden(model, state);
      const step = hides ? state.step - 1 : state.step;
      for (const view of drawn.values()) paintBox(model, view, step, state.view);
      for (const view of links.values()) paintLink(model, d.cut, view, step, state.view, most);
      paintOverlay(state, hides);
      mark(state);
    },
    focusable() {
      const found = new Map(heads);
      for (const [k, view] of drawn) found.set(d.cut.parts[k].key, view.press);
      return found;
    },
    rectOf(name) {
      const k = d.cut.at.get(name);
      if (k !== undefined) return d.rects[k];
      const frame = d.cut.frames.findIndex((f) => f.group.key === name);
      if (frame < 0) return null;
      const [x, y, width] = d.frames[frame];
      return [x, y, x + Math.min(width, 260), y + HEAD_HEIGHT];
    },
    activeRect(state, room) {
      const rects = scene.endRects(state.step).map(({ rect }) => rect);
      if (!rects.length) return null;
      const most = [room.width, room.height].map((side) => (side - 2 * VIEW_MARGIN) / READABLE);
      const fits = (/** @type {Rect} */ r) => r[2] - r[0] <= most[0] && r[3] - r[1] <= most[1];
      const label = labelled ? [rectAtLabel(labelled, 120)] : [];
      const wanted = [[...rects, ...label], rects, [rects[0], ...label], [rects[0]]].map(rectOfAll);
      return wanted.find(fits) ?? rects[0];
    },
    endRects: (step) => scene.activeParts(step).map((name) => {
      const k = d.cut.at.get(name) ?? 0;
      return { name, title: partName(d.cut.parts[k]), rect: d.rects[k] };
    }),
    activeParts(step) {
      const { phase, node, event } = stepInfo(model, step);
      if (phase === "start" || !node) return [];
      const keys = event ? [event.to, event.from] : [node.key];
      return [...new Set(keys.map((key) => d.cut.parts[d.cut.partOf[key]].key))];
    },
    eventsOfLink: (k) => links.get(k)?.events ?? [],
    most: () => most,
  };
  return scene;
}
