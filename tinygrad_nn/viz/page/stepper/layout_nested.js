// @ts-check
// Boxes within frames: picture/nested.py line by line, with the room around as an option.

const FRAME_PADDING = 14;
const FRAME_TITLE = 26;
const WIDEST_PAD = 600;

/** @typedef {[number, number | null]} FrameBorder  width of the title, and the frame around */
/**
 * @typedef {{gaps?: [number, number], padding?: number, title?: number, spine?: number[],
 *   most?: number}} NestedOptions
 */
/** @typedef {Placement & {frames: FrameRect[]}} NestedPlacement */

/** @typedef {[number, number, number, number]} FrameRect  left, top, width and height */

/**
 * A frame laid out, measured from its own corner.
 * @typedef {object} FrameInside
 * @property {BoxSize} size  room that it takes, with its spine in the middle
 * @property {FrameRect} rectangle  what of that is seen
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
  const curves = links.map((_, n) => joinedCurve(w, n, corner));
  const frames = borders.map((_, k) => {
    const [x, y] = /** @type {Point} */ (corner.get(k));
    const [left, top, width, height] = /** @type {FrameInside} */ (w.inside.get(k)).rectangle;
    return /** @type {FrameRect} */ ([x + left, y + top, width, height]);
  });
  // Room that only kept spines in the middle is cut off at the sides.
  const boxes = w.sizes.slice(0, w.boxes).map((size, k) => rectAround(centres[k], size));
  const [left, right] = extentOf([...boxes, ...frames], curves, 0);
  const [top, bottom] = extentOf([...boxes, ...frames], curves, 1);
  const by = [-left, -top];
  return {
    centres: movedPoints(centres.slice(0, w.boxes), by),
    curves: curves.map((curve) => movedPoints(curve, by)),
    width: right - left,
    height: bottom - top,
    frames: frames.map(([x, y, width, height]) => [x - left, y - top, width, height]),
  };
}

/** @param {Point} centre @param {BoxSize} size @returns {FrameRect} */
function rectAround([x, y], { width, height }) {
  return [x - width / 2, y - height / 2, width, height];
}

/** @param {FrameRect[]} rects @param {Point[][]} curves @param {0 | 1} axis @returns {[number, number]} */
function extentOf(rects, curves, axis) {
  let low = Infinity;
  let high = -Infinity;
  for (const curve of curves) {
    for (const point of curve) {
      low = Math.min(low, point[axis]);
      high = Math.max(high, point[axis]);
    }
  }
  for (const rect of rects) {
    low = Math.min(low, rect[axis]);
    high = Math.max(high, rect[axis] + rect[axis + 2]);
  }
  return low <= high ? [low, high] : [0, 0];
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
      rectangle: [0, 0, 0, 0],
      at: new Map(items.map((item, k) => [item, p.centres[k]])),
      curves: new Map(numbers.map((n, k) => [n, p.curves[k]])),
      ports: new Map(),
    };
  }
  const point = { width: 0, height: 0 };
  const p = placedOnce([...sizes, point, point], links, w.direction, { spine, ports, isBounded: true, gaps: w.more.gaps, most: w.more.most });
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
  const across = along ? 0 : 1;
  const curves = [...p.curves];
  links.forEach(([a, b], k) => {
    if (a === first) curves[k] = curves[k].slice(3);
    if (b === last) curves[k] = curves[k].slice(0, -3);
  });
  const rects = items.map((item, k) => rectWithin(w, item, p.centres[k]));
  const [low, high] = extentOf(rects, curves.slice(0, numbers.length), across);
  const [begin, end] = extentOf(rects, [], along);
  const corner = [0, 0];
  const extent = [0, 0];
  corner[along] = begin;
  extent[along] = end - begin;
  corner[across] = low;
  extent[across] = high - low;
  const spare = Math.max(0, title - extent[0]);
  const width = evenUp(extent[0] + spare + 2 * padding);
  const height = evenUp(extent[1] + titleHeight + padding);
  // The spine in the middle of the room, so that it runs straight through the frame.
  const lead = across === 0 ? padding + spare / 2 : titleHeight;
  const breadth = across === 0 ? width : height;
  const middle = spine.length ? p.centres[spine[1]][across] - low + lead : breadth / 2;
  const before = evenUp(Math.max(0, Math.min(WIDEST_PAD, breadth - 2 * middle)));
  const after = evenUp(Math.max(0, Math.min(WIDEST_PAD, 2 * middle - breadth)));
  const seen = [0, 0];
  const room = [width, height];
  seen[across] = before;
  room[across] = Math.floor(breadth + before + after);
  const move = [seen[0] + padding + spare / 2 - corner[0], seen[1] + titleHeight - corner[1]];
  const centres = movedPoints(p.centres, move);
  /** @type {FrameInside} */
  const found = {
    size: { width: room[0], height: room[1] },
    rectangle: [seen[0], seen[1], width, height],
    at: new Map(items.map((item, k) => [item, centres[k]])),
    curves: new Map(),
    ports: new Map(),
  };
  numbers.forEach((n, k) => {
    const [a, b] = links[k];
    const moved = movedPoints(curves[k], move);
    found.curves.set(n, moved);
    if (a === first || b === last) {
      found.ports.set(n, moved[a === first ? 0 : moved.length - 1][across] - room[across] / 2);
    }
  });
  return found;
}

/** @param {NestedWork} w @param {number} item @param {Point} centre @returns {FrameRect} what is seen of an item */
function rectWithin(w, item, centre) {
  const whole = rectAround(centre, w.sizes[item]);
  const inside = item < w.boxes ? undefined : w.inside.get(item - w.boxes);
  if (!inside) return whole;
  const [x, y, width, height] = inside.rectangle;
  return [whole[0] + x, whole[1] + y, width, height];
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
 * @param {LayoutOptions} more @returns {Placement}
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
