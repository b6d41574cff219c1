// @ts-check
// Boxes in layers, and the curves between them. One algorithm, written twice: this is that of
// picture/layers.py, columns.py and layout.py line by line, and a test holds the two together.

const BOX_GAP = 24;
const THIN_GAP = 12;
const STRAIGHT_PULL = 32;
const COLUMN_SWEEPS = 24;
/** Least and most room between two layers. @type {[number, number]} */
const LAYER_GAPS = [20, 70];

/**
 * @typedef {object} LayoutOptions
 * @property {number[]} [spine]  boxes to stand in one line
 * @property {[number | null, number | null][]} [ports]  where links leave and arrive, from the
 *   middles of the sides
 * @property {[number, number]} [gaps]
 * @property {number} [most]  items up to which it is done with all care
 * @property {boolean} [isBounded]  whether the last two boxes stand before and behind all others
 */

/**
 * Place boxes so that every link runs onward.
 * @param {BoxSize[]} sizes
 * @param {[number, number][]} links  pairs (from, to); without cycles, repeats allowed
 * @param {"TB" | "LR"} direction
 * @param {LayoutOptions} [more]
 * @returns {Placement}
 */
function placeBoxes(sizes, links, direction, more = {}) {
  if (direction === "TB") return placedDown(sizes, links, more);
  const turned = sizes.map((s) => ({ width: s.height, height: s.width, isRound: s.isRound }));
  const p = placedDown(turned, links, more);
  const flip = (/** @type {Point} */ [x, y]) => /** @type {Point} */ ([y, x]);
  return {
    centres: p.centres.map(flip),
    curves: p.curves.map((curve) => curve.map(flip)),
    width: p.height,
    height: p.width,
  };
}

/**
 * @typedef {object} LayerTable
 * @property {{width: number, height: number, isRound: boolean}[]} sizes  boxes, then bends
 * @property {[number, number][]} links
 * @property {number} boxes
 * @property {number[]} layer
 * @property {number[][]} chains
 * @property {number[][]} above
 * @property {number[][]} below
 * @property {number[][]} rows
 * @property {number[]} spine
 * @property {boolean} rough  so many bends that a quick layout has to do
 */

/**
 * @param {BoxSize[]} sizes @param {[number, number][]} links @param {LayoutOptions} more
 * @returns {LayerTable}
 */
function layersOf(sizes, links, { spine = [], most = Infinity, isBounded = false }) {
  const inner = isBounded ? sizes.length - 2 : sizes.length;
  const repeats = new Map();
  for (const [a, b] of links) repeats.set(`${a} ${b}`, (repeats.get(`${a} ${b}`) ?? 0) + 1);
  // A repeated link is bent once, so that its copies run side by side.
  const spans = links.map(([a, b]) => (a < inner && b < inner && repeats.get(`${a} ${b}`) > 1 ? 2 : 1));
  /** @type {LayerTable} */
  const t = {
    sizes: sizes.map((s) => ({ width: s.width, height: s.height, isRound: s.isRound ?? false })),
    links, boxes: sizes.length, layer: layerNumbers(sizes.length, inner, links, spans),
    chains: [], above: [], below: [], rows: [], spine, rough: false,
  };
  for (const [a, b] of links) {
    const chain = [a];
    for (let layer = t.layer[a] + 1; layer < t.layer[b]; layer++) {
      chain.push(t.sizes.length);
      t.sizes.push({ width: 0, height: 0, isRound: false });
      t.layer.push(layer);
    }
    chain.push(b);
    t.chains.push(chain);
  }
  t.above = t.sizes.map(() => []);
  t.below = t.sizes.map(() => []);
  for (const chain of t.chains) {
    for (let k = 1; k < chain.length; k++) {
      t.below[chain[k - 1]].push(chain[k]);
      t.above[chain[k]].push(chain[k - 1]);
    }
  }
  t.rough = t.sizes.length > most;
  t.rows = orderedRows(t, t.rough ? 2 : 12);
  return t;
}

/** @param {number} boxes @param {number} inner @param {[number, number][]} links @param {number[]} spans @returns {number[]} */
function layerNumbers(boxes, inner, links, spans) {
  const out = emptyLists(boxes);
  const into = emptyLists(boxes);
  const waiting = new Int32Array(boxes);
  links.forEach(([a, b], k) => {
    out[a].push(k);
    into[b].push(a);
    waiting[a] += 1;
  });
  const height = new Array(boxes).fill(0).fill(inner < boxes ? 1 : 0, 0, boxes - 1);
  const ready = [];
  for (let i = 0; i < boxes; i++) if (!waiting[i]) ready.push(i);
  while (ready.length) {
    const i = /** @type {number} */ (ready.pop());
    for (const k of out[i]) height[i] = Math.max(height[i], height[links[k][1]] + spans[k]);
    for (const a of into[i]) if (!--waiting[a]) ready.push(a);
  }
  let top = 0;
  for (let i = 0; i < inner; i++) if (height[i] > top) top = height[i];
  if (inner < boxes) height[inner] = top += 1;
  return height.map((h) => top - h);
}

/** @param {number} count @returns {number[][]} */
function emptyLists(count) {
  return Array.from({ length: count }, () => []);
}

// ── Order within the layers ─────────────────────────────────────────────────────────────

/** @param {LayerTable} t @param {number} turns @returns {number[][]} */
function orderedRows(t, turns) {
  const rows = firstOrder(t);
  const at = new Int32Array(t.sizes.length);
  const mean = new Float64Array(t.sizes.length);
  let best = rows.map((row) => [...row]);
  let fewest = crossings(t, rows, at);
  for (let turn = 0; turn < turns && fewest; turn++) {
    const downward = turn % 2 === 0;
    const neighbours = downward ? t.above : t.below;
    for (let k = 1; k < rows.length; k++) {
      const row = downward ? k : rows.length - k - 1;
      sortRow(rows[row], rows[downward ? row - 1 : row + 1], neighbours, at, mean);
    }
    const found = crossings(t, rows, at);
    if (found < fewest) {
      best = rows.map((row) => [...row]);
      fewest = found;
    }
  }
  return best;
}

/** @param {LayerTable} t @returns {number[][]} */
function firstOrder(t) {
  const rows = emptyLists(t.layer.reduce((a, b) => Math.max(a, b), 0) + 1);
  const seen = new Uint8Array(t.sizes.length);
  const stack = [];
  for (let i = t.sizes.length - 1; i >= 0; i--) if (!t.below[i].length) stack.push(i);
  while (stack.length) {
    const i = /** @type {number} */ (stack.pop());
    if (seen[i]) continue;
    seen[i] = 1;
    rows[t.layer[i]].push(i);
    for (let k = t.above[i].length - 1; k >= 0; k--) stack.push(t.above[i][k]);
  }
  return rows;
}

/**
 * @param {number[]} row @param {number[]} fixed @param {number[][]} neighbours
 * @param {Int32Array} at @param {Float64Array} mean  scratch for each item
 */
function sortRow(row, fixed, neighbours, at, mean) {
  for (let k = 0; k < fixed.length; k++) at[fixed[k]] = k;
  for (let k = 0; k < row.length; k++) {
    const near = neighbours[row[k]];
    let sum = 0;
    for (const j of near) sum += at[j];
    mean[row[k]] = near.length ? sum / near.length : k;
  }
  row.sort((a, b) => mean[a] - mean[b]);
}

/** @param {LayerTable} t @param {number[][]} rows @param {Int32Array} at  scratch @returns {number} */
function crossings(t, rows, at) {
  let total = 0;
  for (let r = 1; r < rows.length; r++) {
    const lower = rows[r];
    for (let k = 0; k < lower.length; k++) at[lower[k]] = k;
    // A Fenwick tree of the ends passed so far.
    const tree = new Int32Array(lower.length + 1);
    let passed = 0;
    for (const item of rows[r - 1]) {
      for (const j of t.below[item]) {
        let upTo = 0;
        for (let k = at[j] + 1; k > 0; k -= k & -k) upTo += tree[k];
        total += passed - upTo;
      }
      for (const j of t.below[item]) {
        for (let k = at[j] + 1; k <= lower.length; k += k & -k) tree[k] += 1;
        passed += 1;
      }
    }
  }
  return total;
}

// ── Curves ──────────────────────────────────────────────────────────────────────────────

/**
 * @param {BoxSize[]} sizes @param {[number, number][]} links
 * @param {LayoutOptions} more @returns {Placement}
 */
function placedDown(sizes, links, more) {
  if (!sizes.length) return { centres: [], curves: [], width: 0, height: 0 };
  const t = layersOf(sizes, links, more);
  const raw = columnsOf(t);
  let left = Infinity;
  for (let i = 0; i < raw.length; i++) left = Math.min(left, raw[i] - t.sizes[i].width / 2);
  // Rounding down from the half keeps whole distances whole, so nothing comes closer.
  const xs = Array.from(raw, (x) => Math.floor(Math.round((x - left) * 1e6) / 1e6 + 0.5));
  const gaps = more.gaps ?? LAYER_GAPS;
  /** @type {Point[]} */
  const bands = [];
  let y = 0;
  for (const row of t.rows) {
    let height = 0;
    let far = 0;
    for (const i of row) {
      height = Math.max(height, t.sizes[i].height);
      for (const j of t.below[i]) far = Math.max(far, Math.abs(xs[i] - xs[j]));
    }
    bands.push([y, y + height]);
    y += height + Math.floor(Math.min(gaps[1], Math.max(gaps[0], 0.16 * far)));
  }
  /** @type {Point[]} */
  const centres = xs.map((x, i) => [x, (bands[t.layer[i]][0] + bands[t.layer[i]][1]) / 2]);
  const shifts = endShifts(t, xs);
  const curves = t.chains.map((chain, n) => {
    const [out, end] = more.ports ? more.ports[n] : [null, null];
    return curveAlong(t, centres, bands, chain, out ?? 0, end ?? shifts[n]);
  });
  let right = 0;
  xs.forEach((x, i) => { right = Math.max(right, x + t.sizes[i].width / 2); });
  return { centres: centres.slice(0, t.boxes), curves, width: right, height: bands[bands.length - 1][1] };
}

/** @param {LayerTable} t @param {number[]} xs @returns {number[]} how far from the middle each link arrives */
function endShifts(t, xs) {
  /** @type {Map<number, number[]>} */
  const arriving = new Map();
  t.links.forEach(([, b], n) => {
    const list = arriving.get(b);
    if (list) list.push(n);
    else arriving.set(b, [n]);
  });
  const shift = new Array(t.links.length).fill(0);
  const before = (/** @type {number} */ n) => t.chains[n][t.chains[n].length - 2];
  for (const [b, numbers] of arriving) {
    numbers.sort((m, n) => xs[before(m)] - xs[before(n)]);
    const last = numbers.length - 1;
    // A straight line ends in the middle, whatever arrives beside it.
    const level = numbers.findIndex((n) => xs[before(n)] === xs[b]);
    const middle = level < 0 ? last / 2 : level;
    const room = Math.max(0, t.sizes[b].width / 2 - 7);
    const step = Math.min(10, room / Math.max(middle, last - middle, 1));
    numbers.forEach((n, k) => { shift[n] = (k - middle) * step; });
  }
  return shift;
}

/**
 * @param {LayerTable} t @param {Point[]} centres @param {Point[]} bands @param {number[]} chain
 * @param {number} out @param {number} shift @returns {Point[]}
 */
function curveAlong(t, centres, bands, chain, out, shift) {
  const start = centres[chain[0]];
  /** @type {Point[]} */
  const points = [[start[0] + out, start[1] + t.sizes[chain[0]].height / 2]];
  for (let k = 1; k < chain.length; k++) {
    const [a, b] = [chain[k - 1], chain[k]];
    let [x, y] = centres[b];
    let end = y - t.sizes[b].height / 2;
    if (b < t.boxes) {
      x += shift;
      if (t.sizes[b].isRound) {
        const radius = t.sizes[b].width / 2;
        end += radius - Math.sqrt(radius * radius - shift * shift);
      }
    }
    const leave = bands[t.layer[a]][1];
    const enter = bands[t.layer[b]][0];
    straightOn(points, leave);
    const middle = (leave + enter) / 2;
    points.push([points[points.length - 1][0], middle], [x, middle], [x, enter]);
    straightOn(points, end);
  }
  return points;
}

/** @param {Point[]} points @param {number} end */
function straightOn(points, end) {
  const [x, y] = points[points.length - 1];
  if (end > y) points.push([x, y + (end - y) / 3], [x, y + (2 * (end - y)) / 3], [x, end]);
}
