// @ts-check
// Where the reader is, in the page's address: step, level, view, open groups.

const VIEWS = /** @type {PageState["view"][]} */ (["values", "gradients", "heat", "flow"]);
const LEVELS = /** @type {PageState["level"][]} */ (["module", "op", "scalar"]);

/** @param {PageState} state @returns {string} */
function hashOf(state) {
  const parts = new URLSearchParams({ step: String(state.step), level: state.level, view: state.view, open: [...state.open].sort().join(".") });
  return parts.toString();
}

/**
 * What of an address makes sense for this trace; the rest is passed over.
 * @param {string} text @param {Model} model @returns {Partial<PageState>}
 */
function readHash(text, model) {
  const parts = new URLSearchParams(text.replace(/^#/, ""));
  /** @type {Partial<PageState>} */
  const found = {};
  const step = Number(parts.get("step") ?? NaN);
  if (Number.isInteger(step)) found.step = Math.max(0, Math.min(model.steps, step));
  const level = LEVELS.find((name) => name === parts.get("level"));
  const view = VIEWS.find((name) => name === parts.get("view"));
  if (level) found.level = level;
  if (view) found.view = view;
  const open = parts.get("open");
  if (open !== null) {
    const keys = new Set(model.groups.map((g) => g.key));
    found.open = new Set(open.split(".").filter((key) => keys.has(key)));
  }
  return found;
}

/** @param {Model} model @param {Store} store */
function keepHash(model, store) {
  let timer = 0;
  let written = "";
  const write = () => {
    timer = 0;
    written = `#${hashOf(store.state)}`;
    // A page inside another one has no address of its own to change.
    attempt(() => history.replaceState(null, "", written));
  };
  store.subscribe(() => {
    if (!timer) timer = setTimeout(write, 200);
  });
  addEventListener("hashchange", () => {
    if (location.hash !== written) store.set(readHash(location.hash, model));
  });
}
