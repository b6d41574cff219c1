// @ts-check
// Where the items of each layer stand: picture/columns.py line by line.

/** Movement of all lines in a turn below which they stay. */
const STILL = 0.05;

/** @param {LayerTable} t @returns {Float64Array} centre of each item, across the layers */
function columnsOf(t) {
  const next = new Int32Array(t.sizes.length).fill(-1);
  const lines = straightLinks(t.boxes, t.links, t.spine);
  t.chains.forEach((chain, n) => {
    const [from, to] = lines[n] ? [0, chain.length] : [1, chain.length - 1];
    for (let k = from + 1; k < to; k++) next[chain[k - 1]] = chain[k];
  });
  const offsets = t.rows.map((row) => packedRow(t, row));
  const x = new Float64Array(t.sizes.length);
  t.rows.forEach((row, r) => {
    const offset = offsets[r];
    row.forEach((item, k) => { x[item] = offset[k] - offset[offset.length - 1] / 2; });
  });
  sweepRows(t, x, offsets, next, t.rough ? 4 : COLUMN_SWEEPS);
  if (!t.rough) straightenRuns(t, x, offsets, next);
  return x;
}

/**
 * Which links ought to run straight: those of the spine, and those along which one thing alone
 * goes on.
 * @param {number} count @param {[number, number][]} links @param {number[]} spine @returns {boolean[]}
 */
function straightLinks(count, links, spine) {
  const into = emptyLists(count);
  const leaving = new Int32Array(count);
  links.forEach(([a, b], k) => {
    into[b].push(k);
    leaving[a] += 1;
  });
  const bringsLeaf = (/** @type {number} */ k) => {
    let start = links[k][0];
    while (into[start].length === 1) start = links[into[start][0]][0];
    return !into[start].length;
  };
  const pairs = new Set();
  for (let k = 1; k < spine.length; k++) pairs.add(`${spine[k - 1]} ${spine[k]}`);
  const found = new Array(links.length).fill(false);
  for (const arriving of into) {
    const pinned = pairs.size
      ? arriving.find((k) => pairs.has(`${links[k][0]} ${links[k][1]}`))
      : undefined;
    if (pinned !== undefined) {
      found[pinned] = true;
      continue;
    }
    const onward = arriving.length === 1 ? arriving : arriving.filter((k) => !bringsLeaf(k));
    if (onward.length === 1 && leaving[links[onward[0]][0]] === 1) found[onward[0]] = true;
  }
  return found;
}

/** @param {LayerTable} t @param {number[]} row @returns {Float64Array} centres, as tight as can be */
function packedRow(t, row) {
  const centres = new Float64Array(row.length);
  for (let k = 1; k < row.length; k++) {
    const [a, b] = [row[k - 1], row[k]];
    const gap = a < t.boxes && b < t.boxes ? BOX_GAP : THIN_GAP;
    centres[k] = centres[k - 1] + Math.floor(t.sizes[a].width / 2) + Math.floor(t.sizes[b].width / 2) + gap;
  }
  return centres;
}

// ── Rows ────────────────────────────────────────────────────────────────────────────────

/**
 * @param {LayerTable} t @param {Float64Array} x @param {Float64Array[]} offsets
 * @param {Int32Array} next @param {number} sweeps
 */
function sweepRows(t, x, offsets, next, sweeps) {
  const both = t.above.map((list, i) => [...list, ...t.below[i]]);
  for (let turn = 0; turn < sweeps; turn++) {
    const downward = turn % 2 === 0;
    const pulls = turn >= sweeps / 2 ? both : downward ? t.above : t.below;
    for (let n = 0; n < t.rows.length; n++) {
      const k = downward ? n : t.rows.length - 1 - n;
      settleRow(t, x, next, t.rows[k], offsets[k], pulls);
    }
  }
}

/**
 * Move a row to where its neighbours pull it, by pooling adjacent violators.
 * @param {LayerTable} t @param {Float64Array} x @param {Int32Array} next
 * @param {number[]} row @param {Float64Array} offset @param {number[][]} pulls
 */
function settleRow(t, x, next, row, offset, pulls) {
  /** @type {number[]} */
  const means = [];
  /** @type {number[]} */
  const weights = [];
  /** @type {number[]} */
  const counts = [];
  for (let k = 0; k < row.length; k++) {
    const item = row[k];
    let weight = 0;
    let sum = 0;
    for (const j of pulls[item]) {
      const tied = t.layer[item] < t.layer[j] ? next[item] === j : next[j] === item;
      const pull = tied ? STRAIGHT_PULL : 1;
      weight += pull;
      sum += pull * x[j];
    }
    let heavy = weight || 0.01;
    let mean = (pulls[item].length ? sum / heavy : x[item]) - offset[k];
    let count = 1;
    while (means.length && means[means.length - 1] > mean) {
      const [m, w, c] = [means.pop(), weights.pop(), counts.pop()].map(Number);
      const total = w + heavy;
      mean = (m * w + mean * heavy) / total;
      heavy = total;
      count += c;
    }
    means.push(mean);
    weights.push(heavy);
    counts.push(count);
  }
  let k = 0;
  means.forEach((mean, p) => {
    for (let n = 0; n < counts[p]; n++, k++) x[row[k]] = mean + offset[k];
  });
}

// ── Lines ───────────────────────────────────────────────────────────────────────────────

/** @param {LayerTable} t @param {Float64Array} x @param {Float64Array[]} offsets @param {Int32Array} next */
function straightenRuns(t, x, offsets, next) {
  let runs = straightRuns(x.length, next);
  let order = runsByPlace(t, runs);
  while (order.length < runs.length) {
    runs = splitRun(t, runs, new Set(order));
    order = runsByPlace(t, runs);
  }
  runs = order.map((k) => runs[k]);
  const number = new Int32Array(x.length);
  runs.forEach((run, k) => { for (const i of run) number[i] = k; });
  /** @type {Map<number, number>[]} */
  const lefts = runs.map(() => new Map());
  t.rows.forEach((row, r) => {
    for (let k = 1; k < row.length; k++) {
      const [left, own] = [number[row[k - 1]], number[row[k]]];
      const distance = offsets[r][k] - offsets[r][k - 1];
      lefts[own].set(left, Math.max(distance, lefts[own].get(left) ?? 0));
    }
  });
  const pulls = runs.map((run) => {
    const found = [];
    for (const i of run) {
      for (const j of t.above[i]) if (number[j] !== number[i]) found.push(number[j]);
      for (const j of t.below[i]) if (number[j] !== number[i]) found.push(number[j]);
    }
    return found;
  });
  const masses = Float64Array.from(pulls, (pull) => Math.max(pull.length, 0.01));
  let at = Float64Array.from(runs, (run) => run.reduce((sum, i) => sum + x[i], 0) / run.length);
  const pressing = packedDistances(lefts);
  for (let turn = runs.length < 200 ? 160 : 16; turn > 0; turn--) {
    const wish = at.map((here, k) => {
      if (!pulls[k].length) return here;
      let sum = 0;
      for (const j of pulls[k]) sum += at[j];
      return (here + sum / pulls[k].length) / 2;
    });
    const before = at;
    at = keptApart(wish, masses, pressing);
    if (at.every((x, k) => Math.abs(x - before[k]) < STILL)) break;
  }
  runs.forEach((run, k) => { for (const i of run) x[i] = at[k]; });
}

/** @param {number} count @param {Int32Array} next @returns {number[][]} */
function straightRuns(count, next) {
  const follows = new Uint8Array(count);
  for (const i of next) if (i >= 0) follows[i] = 1;
  const runs = [];
  for (let start = 0; start < count; start++) {
    if (follows[start]) continue;
    const run = [];
    for (let i = start; i >= 0; i = next[i]) run.push(i);
    runs.push(run);
  }
  return runs;
}

/** @param {LayerTable} t @param {number[][]} runs @returns {number[]} without those that cross one another */
function runsByPlace(t, runs) {
  const number = new Int32Array(t.sizes.length);
  runs.forEach((run, k) => { for (const i of run) number[i] = k; });
  const rights = emptyLists(runs.length);
  const waiting = new Int32Array(runs.length);
  for (const row of t.rows) {
    for (let k = 1; k < row.length; k++) {
      rights[number[row[k - 1]]].push(number[row[k]]);
      waiting[number[row[k]]] += 1;
    }
  }
  const order = [];
  const ready = [];
  for (let k = 0; k < runs.length; k++) if (!waiting[k]) ready.push(k);
  while (ready.length) {
    const k = /** @type {number} */ (ready.pop());
    order.push(k);
    for (const j of rights[k]) if (!--waiting[j]) ready.push(j);
  }
  return order;
}

/** @param {LayerTable} t @param {number[][]} runs @param {Set<number>} done @returns {number[][]} */
function splitRun(t, runs, done) {
  let worst = -1;
  let least = [Infinity, Infinity];
  runs.forEach((run, k) => {
    if (done.has(k) || run.length < 2) return;
    const boxes = run.reduce((sum, i) => sum + (i < t.boxes ? 1 : 0), 0);
    if (boxes < least[0] || (boxes === least[0] && run.length < least[1])) {
      worst = k;
      least = [boxes, run.length];
    }
  });
  return [...runs.slice(0, worst), ...runs[worst].map((i) => [i]), ...runs.slice(worst + 1)];
}

/**
 * For each variable the distances from others that it has to keep, one after the other.
 * @typedef {{start: Int32Array, left: Int32Array, distance: Float64Array}} Distances
 */

/** @param {Map<number, number>[]} lefts @returns {Distances} */
function packedDistances(lefts) {
  const start = new Int32Array(lefts.length + 1);
  lefts.forEach((map, k) => { start[k + 1] = start[k] + map.size; });
  const left = new Int32Array(start[lefts.length]);
  const distance = new Float64Array(left.length);
  let n = 0;
  for (const map of lefts) {
    for (const [u, d] of map) {
      left[n] = u;
      distance[n++] = d;
    }
  }
  return { start, left, distance };
}

/**
 * Positions near `wish`, each at least the given distances from those on its left.
 * @param {Float64Array} wish @param {Float64Array} masses @param {Distances} lefts
 * @returns {Float64Array<ArrayBuffer>}
 */
function keptApart(wish, masses, lefts) {
  const { start, left, distance } = lefts;
  const group = Int32Array.from(wish, (_, k) => k);
  const members = Array.from(wish, (_, k) => [k]);
  const position = Float64Array.from(wish);
  const mass = Float64Array.from(masses);
  const offset = new Float64Array(wish.length);
  for (let k = 0; k < wish.length; k++) {
    for (;;) {
      const own = group[k];
      const at = position[own];
      const list = members[own];
      let worst = 1e-9;
      let other = -1;
      let gap = 0;
      for (let m = 0; m < list.length; m++) {
        const v = list[m];
        const here = at + offset[v];
        for (let n = start[v]; n < start[v + 1]; n++) {
          const u = left[n];
          if (group[u] === own) continue;
          const overlap = position[group[u]] + offset[u] + distance[n] - here;
          if (overlap > worst) {
            worst = overlap;
            other = group[u];
            gap = offset[u] + distance[n] - offset[v];
          }
        }
      }
      if (other < 0) break;
      // Members of `own` move by `gap` in the frame of `other`.
      const total = mass[other] + mass[own];
      position[other] = (position[other] * mass[other] + (at - gap) * mass[own]) / total;
      mass[other] = total;
      for (const v of list) {
        group[v] = other;
        offset[v] += gap;
        members[other].push(v);
      }
      members[own] = [];
    }
  }
  return Float64Array.from(wish, (_, k) => position[group[k]] + offset[k]);
}
