// @ts-check
// The table of two passes: finding, sorting, and the boxes that belong to a row.

/**
 * @typedef {[string, string, string, number]} Cells  before, after, change in words, its size
 * @typedef {object} Row
 * @property {string} name @property {string} op @property {string} module @property {string} mark
 * @property {Cells | null} value @property {Cells | null} gradient
 * @property {(string | null)[]} boxes @property {boolean} [rewired] @property {string} [was]
 */

const PAGE = 200;

/** @type {{rows: Row[], theme: string, marks: Record<string, string>}} */
const diff = JSON.parse(byId("diff").textContent);
const order = ["changed", "new", "absent", "same"];
const state = { find: "", which: "differs", by: "", down: true, shown: PAGE, box: "" };
/** @type {Row | null} */
let picked = null;

showTheme(diff.theme);

/** @param {Row} row */
function fits(row) {
  if (state.box && !row.boxes.includes(state.box)) return false;
  if (!state.box && state.which === "differs" && row.mark === "same") return false;
  if (!state.box && order.includes(state.which) && row.mark !== state.which) return false;
  const words = `${row.name} ${row.was || ""} ${row.op} ${row.module}`.toLowerCase();
  return state.find.toLowerCase().split(/\s+/).every((word) => words.includes(word));
}

/** @param {Row} row @returns {number | string} */
function keyOf(row) {
  switch (state.by) {
    case "value": return row.value ? row.value[3] : -2;
    case "gradient": return row.gradient ? row.gradient[3] : -2;
    case "mark": return order.indexOf(row.mark);
    case "op": return row.op;
    default: return row.name;
  }
}

function chosen() {
  const rows = diff.rows.filter(fits);
  if (!state.by) return rows;
  const way = state.down ? -1 : 1;
  const keyed = rows.map((row) => ({ row, key: keyOf(row) }));
  keyed.sort((a, b) => (a.key < b.key ? -way : a.key > b.key ? way : 0));
  return keyed.map(({ row }) => row);
}

/** @param {Cells | null} cells */
function figures(cells) {
  if (!cells) return make("td", {}, make("span.muted", {}, "none"));
  const [before, after, change] = cells;
  const words = change === "same" ? after : before && after ? `${before} → ${after}` : before || after;
  return make("td.number", {}, words);
}

/** @param {Row} row */
function line(row) {
  const name = link(row.name, () => pick(row === picked ? null : row));
  name.setAttribute("aria-pressed", String(row === picked));
  const tr = make(
    "tr", { class: row === picked ? "picked" : null },
    make(`td.mark.${row.mark}`, {}, diff.marks[row.mark], row.rewired && make("small", {}, "rewired")),
    make("td", {}, name, row.was && make("small", {}, `was ${row.was}`)),
    make("td", {}, row.op, row.module && make("small", {}, row.module)),
    figures(row.value),
    make("td.number", {}, row.value ? row.value[2] : ""),
    figures(row.gradient),
    make("td.number", {}, row.gradient ? row.gradient[2] : ""),
  );
  return tr;
}

function show() {
  const rows = chosen();
  const body = /** @type {HTMLElement} */ (document.querySelector("#table tbody"));
  const held = document.activeElement?.closest("#table tbody") ? picked : null;
  body.replaceChildren(...rows.slice(0, state.shown).map(line));
  if (held) /** @type {HTMLElement | null} */ (body.querySelector("[aria-pressed=true]"))?.focus();
  byId("more").hidden = rows.length <= state.shown;
  byId("count").textContent = `${rows.length} of ${diff.rows.length} nodes`
    + (state.box ? ", those of the chosen box" : "");
  for (const th of document.querySelectorAll("#table th[data-by]")) {
    const on = /** @type {HTMLElement} */ (th).dataset.by === state.by;
    if (on) th.setAttribute("aria-sort", state.down ? "descending" : "ascending");
    else th.removeAttribute("aria-sort");
  }
  for (const one of byId("which").children) {
    one.setAttribute("aria-pressed", String(!state.box && one.dataset.which === state.which));
  }
}

/** @param {Row | null} row */
function pick(row) {
  picked = row;
  light(row ? row.boxes : []);
  show();
}

/** Mark boxes, and bring them into sight of their own pane. @param {(string | null)[]} ids */
function light(ids) {
  for (const old of document.querySelectorAll(".drawing .picked")) old.classList.remove("picked");
  for (const id of ids) {
    const box = id && byId(id);
    if (!box) continue;
    box.classList.add("picked");
    const pane = box.closest(".drawing");
    const at = box.getBoundingClientRect();
    const frame = pane.getBoundingClientRect();
    pane.scrollBy(at.left + at.width / 2 - frame.left - frame.width / 2, at.top + at.height / 2 - frame.top - frame.height / 2);
  }
}

for (const th of document.querySelectorAll("#table th[data-by]")) {
  const by = /** @type {HTMLElement} */ (th).dataset.by || "";
  const text = th.textContent || "";
  th.replaceChildren(button(text, () => {
    const numeric = by === "value" || by === "gradient";
    state.down = state.by === by ? !state.down : numeric;
    state.by = by;
    show();
  }));
}
const choices = [["differs", "Differences"], ["all", "All"], ...order.map((mark) => [mark, diff.marks[mark]])];
for (const [which, words] of choices) {
  byId("which").append(button(words, () => {
    Object.assign(state, { which, box: "", shown: PAGE });
    light([]);
    show();
  }, { "data-which": which }));
}
byId("find").addEventListener("input", () => {
  Object.assign(state, { find: byId("find").value.trim(), shown: PAGE });
  show();
});
byId("more").addEventListener("click", () => {
  state.shown += PAGE;
  show();
});
for (const pane of document.querySelectorAll(".drawing")) {
  pane.addEventListener("click", (event) => {
    const box = /** @type {Element} */ (event.target).closest("g[id]");
    const rows = box ? diff.rows.filter((row) => row.boxes.includes(box.id)) : [];
    state.box = rows.length ? /** @type {Element} */ (box).id : "";
    picked = null;
    light([...new Set(rows.flatMap((row) => row.boxes))]);
    show();
  });
}
if (!diff.rows.some((row) => row.mark !== "same")) state.which = "all";
show();
