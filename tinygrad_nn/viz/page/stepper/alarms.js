// @ts-check
// What is wrong with a pass, found once when the page opens, and said before anything else.

/**
 * @typedef {object} Alarm
 * @property {string} what  in a word or two
 * @property {Child[]} words
 * @property {number} step  where to look, or -1
 * @property {number | null} node
 */

/** @param {Model} model @returns {Alarm[]} the gravest first */
function findAlarms(model) {
  return [...failureAlarms(model), ...passAlarms(model), ...oddAlarms(model), ...sizeAlarms(model), ...deadAlarms(model), ...changedAlarms(model)];
}

/** @param {Model} model @returns {Alarm[]} */
function failureAlarms(model) {
  const f = model.failure;
  if (!f) return [];
  const where = [f.op && ` in ${f.op}`, f.line && ` at ${shortText(cleanText(f.line), 80)}`].filter((t) => t).join("");
  const what = f.phase === "freed" ? "The graph was freed" : `The ${f.phase} pass broke${where}`;
  return [{ what, words: [`: ${shortText(cleanText(f.message), 300)}`], step: f.at === null ? -1 : f.phase === "forward" ? f.at + 1 : model.steps, node: f.at }];
}

/** Why there can be no backward pass; empty if there is one, or could be. @param {Model} model */
function whyNoPass(model) {
  if (model.seed || model.failure) return "";
  const told = model.nodes.find((n) => n.missing.startsWith("no backward pass: "));
  if (told) return cleanText(told.missing.slice(told.missing.indexOf(": ") + 2));
  return model.nodes[model.root].missing === "requires no gradient" ? "the result requires no gradient" : "";
}

/** @param {Model} model @returns {Alarm[]} */
function passAlarms(model) {
  const why = whyNoPass(model);
  return why ? [{ what: "No backward pass", words: [`: ${why}`], step: -1, node: null }] : [];
}

/** The first that is not finite, forward and backward. @param {Model} model @returns {Alarm[]} */
function oddAlarms(model) {
  /** @type {Alarm[]} */
  const found = [];
  const node = model.nodes.find((n) => !isFiniteFigure(n.value));
  if (node) {
    const words = [` in the forward pass: `, nameOf(node), node.op ? [` = ${node.op}(…) `] : " ", `(${oddText(node.value)})`].flat();
    found.push({ what: "First NaN or infinity", words, step: node.key + 1, node: node.key });
  }
  const event = model.events.find((e) => !isFiniteFigure(e.adds) || !isFiniteFigure(e.sum));
  if (event) {
    const words = [" in the backward pass: from ", nameOf(model.nodes[event.from]), " back to ", nameOf(model.nodes[event.to]), ` (${oddText(event.adds) || oddText(event.sum)})`];
    found.push({ what: "First NaN or infinity", words, step: stepOfEvent(model, event.index), node: event.to });
  }
  return found;
}

/** Gradients of what is learned, by their size. @param {Model} model @returns {Alarm[]} */
function sizeAlarms(model) {
  const learned = model.nodes.filter((n) => n.role === "parameter");
  const watched = learned.length ? learned : model.nodes.filter((n) => n.role === "input");
  return watched.flatMap((node) => {
    const step = model.eventsInto[node.key].length ? stepOfEvent(model, model.eventsInto[node.key][0]) : -1;
    if (!node.gradient) {
      return node.role === "parameter" && model.observed && model.seed ? [{ what: "No gradient", words: [" arrives at ", nameOf(node), node.missing ? `: ${node.missing}` : ""], step, node: node.key }] : [];
    }
    const norm = figureNorm(node.gradient);
    if (norm === 0) return node.role === "parameter" ? [{ what: "Zero gradient", words: [": ", nameOf(node), " would not learn from this pass"], step, node: node.key }] : [];
    const word = normWord(norm);
    return word ? [{ what: word === "vanishing" ? "Vanishing gradient" : "Exploding gradient", words: [": ", nameOf(node), `, ‖∇‖ ${numberText(norm, 2)}`], step, node: node.key }] : [];
  });
}

/** Operations that pass no gradient where they give 0; a test compares them with the report's. */
const OFF_AT_0 = ["relu", "relu6"];

/** Units that give 0 for everything they were shown. @param {Model} model @returns {Alarm[]} */
function deadAlarms(model) {
  const relus = model.nodes.filter((n) => n.op !== null && OFF_AT_0.includes(n.op));
  /** @type {Alarm[]} */
  const found = [];
  for (const n of relus) {
    const words = deadWords(n.value);
    if (words) found.push({ what: "Dead ReLU", words: [": ", nameOf(n), words], step: n.key + 1, node: n.key });
  }
  const numbers = relus.filter((n) => oneNumber(n.value) !== null);
  const dead = numbers.filter((n) => oneNumber(n.value) === 0);
  if (dead.length > numbers.length / 2) found.push({ what: "Dead ReLU", words: [`: ${dead.length} of ${numbers.length} give 0, and pass no gradient`], step: dead[0].key + 1, node: dead[0].key });
  return found;
}

/** More than half of the units dead, where they can be told apart; else nearly all zeros. @param {Figure} f */
function deadWords(f) {
  if (typeof f === "number" || f.size < 2) return "";
  const units = f.shape[f.shape.length - 1];
  if (f.elements && f.shape.length > 1) {
    const alive = new Set(f.elements.map((x, i) => (x === 0 ? -1 : i % units)));
    alive.delete(-1);
    return alive.size < units / 2 ? `: ${units - alive.size} of ${units} units give 0 for all of the batch` : "";
  }
  return f.zeros > 0.9 * f.size ? ` gives 0 for ${Math.floor((100 * f.zeros) / f.size)} % of its ${f.size} elements` : "";
}

/** @param {Model} model @returns {Alarm[]} */
function changedAlarms(model) {
  return model.nodes.filter((n) => n.changed).map((n) => ({ what: "Written after use", words: [": ", nameOf(n), "; the results do not show its present value"], step: n.key + 1, node: n.key }));
}

/** @param {HTMLElement} element @param {Model} model @param {(alarm: Alarm) => void} jump */
function makeAlarms(element, model, jump) {
  const alarms = findAlarms(model);
  const row = (/** @type {Alarm} */ a) => make("li", {}, make("span", {}, make("strong", {}, a.what), ...a.words), (a.step >= 0 || a.node !== null) && button("Jump to it", () => jump(a)));
  const pinned = alarms.length <= 3 ? alarms.length : 2;
  const more = alarms.slice(pinned);
  const kinds = [...new Set(more.map((a) => a.what.toLowerCase()))].join(", ");
  element.hidden = !alarms.length;
  element.replaceChildren(
    make("ul", {}, alarms.slice(0, pinned).map(row)),
    ...(more.length ? [make("details", {}, make("summary", {}, `${more.length} more: ${kinds}`), make("ul", {}, more.slice(0, 200).map(row)))] : []),
  );
  return alarms;
}
