// @ts-check
// Panning and zooming: drag, wheel at the pointer, pinch. The keys belong to the page.

const LEAST_ZOOM = 0.02;
const MOST_ZOOM = 4;
/** Zoom at which a text of a box is 10 pixels high. */
const READABLE = 10 / 12;

/** @typedef {{x: number, y: number, k: number}} PaneView  where the drawing's corner is, and its zoom */

/**
 * @typedef {object} Pane
 * @property {PaneView} view
 * @property {(measured?: boolean) => {width: number, height: number}} size  as it was measured last,
 *   since to measure makes the browser lay out the whole page
 * @property {(view: PaneView, smoothly?: boolean) => void} show
 * @property {(factor: number, at?: Point) => void} zoomBy
 * @property {(dx: number, dy: number) => void} panBy
 * @property {() => boolean} wasDragged  whether the last press moved the drawing
 */

/**
 * @param {Element} element  what shows the drawing
 * @param {(view: PaneView) => void} changed  called at most once a frame, and at once by `show`
 * @returns {Pane}
 */
function makePane(element, changed) {
  /** @type {Map<number, Point>} */
  const pointers = new Map();
  let dragged = false;
  let frame = 0;
  let timer = 0;
  let room = { width: 1, height: 1 };
  const later = () => {
    if (!frame) frame = requestAnimationFrame(() => { frame = 0; changed(pane.view); });
  };
  const size = (measured = false) => {
    if (measured) {
      const box = element.getBoundingClientRect();
      room = { width: box.width || 1, height: box.height || 1 };
    }
    return room;
  };
  /** @type {Pane} */
  const pane = {
    view: { x: 0, y: 0, k: 1 },
    size,
    show(view, smoothly = false) {
      cancelAnimationFrame(timer);
      const from = pane.view;
      if (!smoothly || calmMotion()) {
        pane.view = view;
        changed(view);
        return;
      }
      const start = performance.now();
      const turn = (/** @type {number} */ now) => {
        const t = Math.min(1, Math.max(0, (now - start) / 140));
        const eased = 1 - (1 - t) * (1 - t);
        const mix = (/** @type {"x" | "y" | "k"} */ name) => from[name] + (view[name] - from[name]) * eased;
        pane.view = t < 1 ? { x: mix("x"), y: mix("y"), k: mix("k") } : view;
        changed(pane.view);
        if (t < 1) timer = requestAnimationFrame(turn);
      };
      timer = requestAnimationFrame(turn);
    },
    zoomBy(factor, at) {
      cancelAnimationFrame(timer);
      const { width, height } = size();
      const [px, py] = at ?? [width / 2, height / 2];
      const { x, y, k } = pane.view;
      const next = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, k * factor));
      pane.view = { k: next, x: px - ((px - x) * next) / k, y: py - ((py - y) * next) / k };
      later();
    },
    panBy(dx, dy) {
      cancelAnimationFrame(timer);
      pane.view = { ...pane.view, x: pane.view.x + dx, y: pane.view.y + dy };
      later();
    },
    wasDragged: () => dragged,
  };
  const spot = (/** @type {MouseEvent} */ event) => {
    const box = element.getBoundingClientRect();
    return /** @type {Point} */ ([event.clientX - box.left, event.clientY - box.top]);
  };
  size(true);
  listen(element, {
    wheel(/** @type {WheelEvent} */ event) {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 24 : event.deltaMode === 2 ? 400 : 1;
      pane.zoomBy(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) * 0.0022), spot(event));
    },
    pointerdown(/** @type {PointerEvent} */ event) {
      if (event.button > 1) return;
      if (!pointers.size) dragged = false;
      pointers.set(event.pointerId, spot(event));
    },
    pointermove(/** @type {PointerEvent} */ event) {
      const last = pointers.get(event.pointerId);
      if (!last) return;
      const now = spot(event);
      const [dx, dy] = [now[0] - last[0], now[1] - last[1]];
      if (!dragged && Math.hypot(dx, dy) < 4) return;
      if (!dragged) element.setPointerCapture(event.pointerId);
      dragged = true;
      const other = [...pointers].find(([id]) => id !== event.pointerId);
      pointers.set(event.pointerId, now);
      if (!other) {
        pane.panBy(dx, dy);
        return;
      }
      const [qx, qy] = other[1];
      const before = Math.hypot(last[0] - qx, last[1] - qy) || 1;
      pane.panBy(dx / 2, dy / 2);
      pane.zoomBy(Math.hypot(now[0] - qx, now[1] - qy) / before, [(now[0] + qx) / 2, (now[1] + qy) / 2]);
    },
    pointerup(/** @type {PointerEvent} */ event) {
      pointers.delete(event.pointerId);
      // The click that ends a drag is no choice; one that comes by itself later is.
      setTimeout(() => { dragged = false; });
    },
    pointercancel: (/** @type {PointerEvent} */ event) => pointers.delete(event.pointerId),
    // A finger is held by the box below it at first; that the box loses it to the pane is no end.
    lostpointercapture: (/** @type {PointerEvent} */ event) => event.target === element && pointers.delete(event.pointerId),
    pointerleave: (/** @type {PointerEvent} */ event) => dragged || pointers.delete(event.pointerId),
  });
  return pane;
}

/** @param {Element} element @param {Record<string, (event: any) => any>} handlers */
function listen(element, handlers) {
  for (const [name, heard] of Object.entries(handlers)) element.addEventListener(name, heard, { passive: false });
}

/** @returns {boolean} whether the reader asked for no motion */
function calmMotion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/**
 * View in which the whole is seen, not much larger than life.
 * @param {{width: number, height: number}} whole @param {{width: number, height: number}} room
 * @param {number} margin @returns {PaneView}
 */
function viewOfWhole(whole, room, margin) {
  const k = Math.min(1.6, (room.width - 2 * margin) / Math.max(1, whole.width), (room.height - 2 * margin) / Math.max(1, whole.height));
  const zoom = Math.max(LEAST_ZOOM, k);
  return { k: zoom, x: (room.width - whole.width * zoom) / 2, y: (room.height - whole.height * zoom) / 2 };
}

/**
 * The view, moved as little as need be so that a rectangle is seen and its texts can be read.
 * @param {PaneView} view @param {{width: number, height: number}} room
 * @param {[number, number, number, number]} rect  left, top, right, bottom in the drawing
 * @param {number} margin @returns {PaneView}
 */
function viewWith(view, room, rect, margin) {
  const fits = Math.min((room.width - 2 * margin) / (rect[2] - rect[0]), (room.height - 2 * margin) / (rect[3] - rect[1]));
  let { x, y, k } = view;
  const wanted = Math.max(READABLE, Math.min(k, fits));
  if (wanted !== k) {
    const [cx, cy] = [(rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2];
    [x, y, k] = [x + cx * (k - wanted), y + cy * (k - wanted), wanted];
  }
  const moved = (/** @type {number} */ at, /** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ space) => {
    const [from, to] = [at + low * k, at + high * k];
    if (to - from > space - 2 * margin) return at + (space - from - to) / 2;
    if (from < margin) return at + margin - from;
    return to > space - margin ? at + space - margin - to : at;
  };
  return { x: moved(x, rect[0], rect[2], room.width), y: moved(y, rect[1], rect[3], room.height), k };
}
