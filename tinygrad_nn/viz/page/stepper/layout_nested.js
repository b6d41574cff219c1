// @ts-check
// Boxes within frames: picture/nested.py line by line, with the room around as an option.

const FRAME_PADDING = 14;
const FRAME_TITLE = 26;
const WIDEST_PAD = 400;

/** @typedef {[number, number | null]} FrameBorder  width of the title, and the frame around */
/**
 * @typedef {{gaps?: [number, number], padding?: number, title?: number, spine?: number[],
 *   most?: number}} NestedOptions
 */
/** @typedef {Placement & {frames: [number, number, number, number][]}} NestedPlacement */

/**
 * A frame laid out, measured from its own corner.
 * @typedef {object} FrameInside
 * @property {BoxSize} size
 * @property {Map<number, Point>} at
 * @property {Map<number, Point[]>} curves
 * @property {Map<number, number>} ports
 */

/**
 * What the steps of one nested layout share; items are the boxes, then the frames.
 * @typedef {object} NestedWork
 * @property {BoxSize[]} sizes
 * @property {[number, number][]} links
 * @property {"TB" | "LR"} direction
 * @property {NestedOptions} more
 * @property {number} boxes
 * @property {(number | null)[]} home
 * @property {Map<number | null, number[]>} children
 * @property {Map<number | null, FrameInside>} inside
 * @property {Map<number | null, Map<number, [number | null, number | null]>>} ends
 */

/**
 * Place boxes within frames.
 * @param {BoxSize[]} sizes @param {[number, number][]} links @param {"TB" | "LR"} direction
 * @param {NestedOptions} more
 * @param {(number | null)[]} homes  for each box the innermost frame around it
 * @param {FrameBorder[]} borders  each after the one around it
 * @returns {NestedPlacement}
 */
function placeNested(sizes, links, direction, more, homes, borders) {
  const w = nestedWork(sizes, links, direction, more, homes, borders);
  for (let frame = borders.length - 1; frame >= 0; frame--) {
    const found = insideOf(w, frame, borders[frame][0]);
    w.inside.set(frame, found);
    w.sizes[w.boxes + frame] = found.size;
  }
  const whole = insideOf(w, null, 0);
  w.inside.set(null, whole);
  /** @type {Map<number | null, Point>} */
  const corner = new Map([[null, [0, 0]]]);
  /** @type {Point[]} */
  const centres = w.sizes.map(() => [0, 0]);
  for (const home of [null, ...borders.keys()]) {
    const [left, top] = /** @type {Point} */ (corner.get(home));
    for (const [item, [x, y]] of /** @type {FrameInside} */ (w.inside.get(home)).at) {
      centres[item] = [left + x, top + y];
      const size = w.sizes[item];
      if (item >= w.boxes) corner.set(item - w.boxes, [left + x - size.width / 2, top + y - size.height / 2]);
    }
  }
  return {
    centres: centres.slice(0, w.boxes),
    curves: links.map((_, n) => joinedCurve(w, n, corner)),
    width: whole.size.width,
    height: whole.size.height,
    frames: borders.map((_, k) => {
      const [x, y] = /** @type {Point} */ (corner.get(k));
      return [x, y, w.sizes[w.boxes + k].width, w.sizes[w.boxes + k].height];
    }),
  };
}

/**
 * @param {BoxSize[]} sizes @param {[number, number][]} links @param {"TB" | "LR"} direction
 * @param {NestedOptions} more @param {(number | null)[]} homes @param {FrameBorder[]} borders
 * @returns {NestedWork}
 */
function nestedWork(sizes, links, direction, more, homes, borders) {
  /** @type {NestedWork} */
  const w = {
    sizes: [...sizes, ...borders.map(() => ({ width: 0, height: 0 }))],
    links, direction, more, boxes: sizes.length,
    home: [...homes, ...borders.map(([, parent]) => parent)],
    children: new Map([[null, []]]),
    inside: new Map(),
    ends: new Map([[null, new Map()]]),
  };
  w.home.forEach((home, item) => {
    const list = w.children.get(home);
    if (list) list.push(item);
    else w.children.set(home, [item]);
  });
  links.forEach((pair, n) => pair.forEach((box, side) => {
    let item = box;
    let home = w.home[box];
    for (;;) {
      let known = w.ends.get(home);
      if (!known) w.ends.set(home, (known = new Map()));
      let sides = known.get(n);
      if (!sides) known.set(n, (sides = [null, null]));
      sides[side] = item;
      if (home === null) break;
      item = w.boxes + home;
      home = w.home[item];
    }
  }));
  return w;
}

// ── One frame ───────────────────────────────────────────────────────────────────────────

/** @param {NestedWork} w @param {number | null} frame @param {number} title @returns {FrameInside} */
function insideOf(w, frame, title) {
  const items = w.children.get(frame) ?? [];
  const at = new Map(items.map((item, k) => [item, k]));
  const [first, last] = [items.length, items.length + 1];
  const place = (/** @type {number | null} */ item, /** @type {number} */ none) =>
    item === null ? none : /** @type {number} */ (at.get(item));
  /** @type {number[]} */
  const numbers = [];
  /** @type {[number, number][]} */
  const links = [];
  /** @type {[number | null, number | null][]} */
  const ports = [];
  for (const [n, [a, b]] of w.ends.get(frame) ?? []) {
    if (a === b) continue;
    numbers.push(n);
    links.push([place(a, first), place(b, last)]);
    ports.push([portOf(w, a, n), portOf(w, b, n)]);
  }
  const sizes = items.map((item) => w.sizes[item]);
  const spine = spineWithin(w, frame, at);
  if (frame === null) {
    const p = placedOnce(sizes, links, w.direction, { spine, ports, gaps: w.more.gaps, most: w.more.most });
    return {
      size: { width: Math.floor(p.width), height: Math.floor(p.height) },
      at: new Map(items.map((item, k) => [item, p.centres[k]])),
      curves: new Map(numbers.map((n, k) => [n, p.curves[k]])),
      ports: new Map(),
    };
  }
  const starts = new Set(links.map(([a]) => a));
  const ends = new Set(links.map(([, b]) => b));
  for (let k = 0; k < first; k++) if (!ends.has(k)) links.push([first, k]);
  for (let k = 0; k < first; k++) if (!starts.has(k)) links.push([k, last]);
  while (ports.length < links.length) ports.push([null, null]);
  const point = { width: 0, height: 0 };
  const p = placedOnce([...sizes, point, point], links, w.direction, { spine, ports, gaps: w.more.gaps, most: w.more.most });
  return framed(w, title, items, numbers, links, spine, p);
}

/** @param {NestedWork} w @param {number | null} item @param {number} n @returns {number | null} */
function portOf(w, item, n) {
  if (item === null || item < w.boxes) return null;
  return w.inside.get(item - w.boxes)?.ports.get(n) ?? null;
}

/** @param {NestedWork} w @param {number | null} frame @param {Map<number, number>} at @returns {number[]} */
function spineWithin(w, frame, at) {
  /** @type {number[]} */
  const found = [];
  for (const box of w.more.spine ?? []) {
    let item = box;
    let home = w.home[box];
    while (home !== frame && home !== null) {
      item = w.boxes + home;
      home = w.home[item];
    }
    if (home !== frame) continue;
    const k = /** @type {number} */ (at.get(item));
    if (!found.length || found[found.length - 1] !== k) found.push(k);
  }
  return frame !== null && found.length ? [at.size, ...found, at.size + 1] : found;
}

/**
 * Cut the auxiliary items off, and add a border with room for the title.
 * @param {NestedWork} w @param {number} title @param {number[]} items @param {number[]} numbers
 * @param {[number, number][]} links @param {number[]} spine @param {Placement} p
 * @returns {FrameInside}
 */
function framed(w, title, items, numbers, links, spine, p) {
  const padding = w.more.padding ?? FRAME_PADDING;
  const titleHeight = w.more.title ?? FRAME_TITLE;
  const [first, last] = [items.length, items.length + 1];
  const along = w.direction === "TB" ? 1 : 0;
  const across = 1 - along;
  const curves = [...p.curves];
  let begin = 0;
  let end = along ? p.height : p.width;
  links.forEach(([a, b], k) => {
    if (a === first) {
      begin = curves[k][3][along];
      curves[k] = curves[k].slice(3);
    }
    if (b === last) {
      end = curves[k][curves[k].length - 4][along];
      curves[k] = curves[k].slice(0, -3);
    }
  });
  const breadth = along ? p.width : p.height;
  // The spine in the middle, so that it runs straight through the frame too.
  const middle = spine.length ? p.centres[spine[1]][across] : breadth / 2;
  const before = Math.max(0, Math.min(WIDEST_PAD, breadth - 2 * middle));
  const after = Math.max(0, Math.min(WIDEST_PAD, 2 * middle - breadth));
  const extent = [0, 0];
  extent[along] = end - begin;
  extent[across] = breadth + before + after;
  const spare = Math.max(0, title + 2 * padding - extent[0] - 2 * padding);
  const move = [padding + spare / 2, titleHeight];
  move[along] -= begin;
  move[across] += before;
  const size = {
    width: evenUp(extent[0] + spare + 2 * padding),
    height: evenUp(extent[1] + titleHeight + padding),
  };
  const moved = curves.map((curve) => movedPoints(curve, move));
  /** @type {FrameInside} */
  const found = {
    size,
    at: new Map(items.map((item, k) => [item, movedPoints([p.centres[k]], move)[0]])),
    curves: new Map(),
    ports: new Map(),
  };
  const half = (along ? size.width : size.height) / 2;
  numbers.forEach((n, k) => {
    const [a, b] = links[k];
    if (a === first || b === last) {
      found.ports.set(n, moved[k][a === first ? 0 : moved[k].length - 1][across] - half);
    }
    found.curves.set(n, moved[k]);
  });
  return found;
}

// ── Links over several frames ───────────────────────────────────────────────────────────

/** @param {NestedWork} w @param {number} n @param {Map<number | null, Point>} corner @returns {Point[]} */
function joinedCurve(w, n, corner) {
  const [out, inward] = w.links[n].map((box) => homesAround(w, box));
  const common = out.findIndex((home) => inward.includes(home));
  const back = inward.slice(0, inward.indexOf(out[common])).reverse();
  /** @type {Point[]} */
  const points = [];
  for (const home of [...out.slice(0, common + 1), ...back]) {
    const inside = /** @type {FrameInside} */ (w.inside.get(home));
    const piece = movedPoints(
      /** @type {Point[]} */ (inside.curves.get(n)), /** @type {Point} */ (corner.get(home)),
    );
    if (!points.length) {
      points.push(...piece);
      continue;
    }
    const [x, y] = points[points.length - 1];
    const [u, v] = piece[0];
    if (x !== u || y !== v) {
      points.push([x + (u - x) / 3, y + (v - y) / 3], [x + ((u - x) * 2) / 3, y + ((v - y) * 2) / 3], [u, v]);
    }
    points.push(...piece.slice(1));
  }
  return points;
}

/** @param {NestedWork} w @param {number} box @returns {(number | null)[]} */
function homesAround(w, box) {
  const homes = [w.home[box]];
  for (let home = homes[0]; home !== null; ) {
    home = w.home[w.boxes + home];
    homes.push(home);
  }
  return homes;
}

/** @param {Point[]} points @param {number[]} by @returns {Point[]} */
function movedPoints(points, by) {
  return points.map(([x, y]) => [x + by[0], y + by[1]]);
}

/** @param {number} x @returns {number} */
function evenUp(x) {
  return 2 * Math.ceil(x / 2);
}

/** @type {Map<string, Placement>} */
const PLACED = new Map();

/**
 * `placeBoxes`, remembered: a group that opens leaves the insides of the others as they were.
 * @param {BoxSize[]} sizes @param {[number, number][]} links @param {"TB" | "LR"} direction
 * @param {{spine?: number[], ports?: [number | null, number | null][], gaps?: [number, number],
 *   most?: number}} more
 * @returns {Placement}
 */
function placedOnce(sizes, links, direction, more) {
  const key = JSON.stringify([sizes.map((s) => [s.width, s.height, s.isRound]), links, direction, more]);
  const known = PLACED.get(key);
  if (known) return known;
  const made = placeBoxes(sizes, links, direction, more);
  if (PLACED.size > 400) PLACED.clear();
  PLACED.set(key, made);
  return made;
}
