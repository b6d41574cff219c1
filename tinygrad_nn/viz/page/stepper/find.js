// @ts-check
// Finding nodes by name, operation or module, or by their numbers.

/** @param {Model} model @param {string} query @returns {number[]} keys, in the order of computation */
function findNodes(model, query) {
  const text = query.trim().toLowerCase();
  if (!text) return [];
  const test = numberTest(text) ?? wordTest(model, text);
  return model.nodes.filter(test).map((n) => n.key);
}

/** @param {string} text @returns {((node: TraceNode) => boolean) | null} */
function numberTest(text) {
  if (text === "nan") return (n) => [n.value, n.gradient].some((f) => f !== null && (typeof f === "number" ? Number.isNaN(f) : f.nans > 0));
  if (text === "inf") return (n) => [n.value, n.gradient].some((f) => f !== null && (typeof f === "number" ? Math.abs(f) === Infinity : f.infs > 0));
  const parts = /^(grad|gradient|value)\s*([<>]=?|=)\s*([+-]?[\d.]+(?:e[+-]?\d+)?)$/.exec(text.replaceAll("−", "-"));
  if (!parts) return null;
  const limit = Number(parts[3]);
  return (n) => {
    const f = parts[1] === "value" ? n.value : n.gradient;
    if (f === null) return false;
    // Gradients are compared by size; a single value as it is.
    const x = parts[1] === "value" ? (oneNumber(f) ?? figureNorm(f)) : figureNorm(f);
    return parts[2] === "=" ? Math.abs(x - limit) <= 1e-4 * Math.abs(limit) : parts[2][0] === ">" ? x > limit || (parts[2] === ">=" && x === limit) : x < limit || (parts[2] === "<=" && x === limit);
  };
}

/** @param {Model} model @param {string} text @returns {(node: TraceNode) => boolean} */
function wordTest(model, text) {
  const scopes = model.scopes.map((s) => `${s.path} ${s.kind}`.toLowerCase().includes(text));
  return (n) => nodeName(n).toLowerCase().includes(text) || n.op.toLowerCase().includes(text) || (n.scope !== null && scopes[n.scope]);
}

/** @param {Model} model @param {(key: number) => void} show @param {(text: string) => void} speak */
function makeFind(model, show, speak) {
  const input = byId("find");
  const output = byId("found");
  /** @type {number[]} */
  let keys = [];
  let at = -1;
  const say = () => {
    output.textContent = !input.value.trim() ? "" : at < 0 ? `${keys.length}` : `${at + 1} / ${keys.length}`;
    const name = at < 0 ? "" : `, ${nodeName(model.nodes[keys[at]]).slice(0, 60)}`;
    if (input.value.trim()) speak(keys.length ? `${at < 0 ? "" : `${at + 1} of `}${keys.length} found${name}` : "nothing found");
  };
  input.addEventListener("input", () => {
    keys = findNodes(model, input.value);
    at = -1;
    say();
  });
  input.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") {
      input.value = "";
      input.dispatchEvent(new Event("input"));
      input.blur();
    }
    if (event.key !== "Enter" || !keys.length) return;
    at = (at + (event.shiftKey ? keys.length - 1 : 1) + (at < 0 && event.shiftKey ? 1 : 0)) % keys.length;
    show(keys[at]);
    say();
  });
  return () => {
    input.focus();
    input.select();
  };
}
