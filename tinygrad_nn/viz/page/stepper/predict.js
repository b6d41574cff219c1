// @ts-check
// Prediction mode: the reader works out what a step adds before it is shown.

/** @param {Model} model @param {Store} store @param {BackwardEvent} event */
function predictBox(model, store, event) {
  const wanted = oneNumber(event.adds);
  const shape = wanted === null ? /** @type {Summary} */ (event.adds).shape : [];
  const answer = /** @type {HTMLInputElement} */ (make("input", { type: "text", id: "answer", inputmode: "text", autocomplete: "off", "data-keep": true }));
  const said = make("p.note", { role: "status", hidden: true });
  const reveal = () => store.set({ revealed: store.state.step });
  const check = () => {
    const verdict = wanted === null ? judgeShape(answer.value, shape) : judgeNumber(answer.value, wanted, event.local, oneNumber(upstreamOf(model, event)));
    if (verdict === "") return reveal();
    said.textContent = verdict;
    said.hidden = false;
    answer.select();
  };
  answer.addEventListener("keydown", (event) => {
    if (event.key === "Enter") check();
  });
  return [
    make("p.note", {}, make("label", { for: "answer" }, wanted === null ? "Your turn: what shape does the contribution have?" : "Your turn: what does this edge add?")),
    make("div.row", {}, answer, button("Check", check), button("Show me", reveal)),
    said,
  ];
}

/** @param {string} text @returns {number} what the text says, with either minus sign and either point */
function readAnswer(text) {
  const plain = text.trim().replaceAll("−", "-").replaceAll("▲", "").replaceAll("▼", "").replace(",", ".").replaceAll(" ", "");
  if (/^-?nan$/i.test(plain)) return NaN;
  if (/^[+-]?inf(inity)?$/i.test(plain)) return plain.startsWith("-") ? -Infinity : Infinity;
  return plain === "" || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? /** @type {any} */ (undefined) : Number(plain);
}

/**
 * The empty text if the answer is right, else what to look at.
 * @param {string} text @param {number} wanted @param {number | null} local @param {number | null} upstream
 */
function judgeNumber(text, wanted, local, upstream) {
  const x = readAnswer(text);
  if (x === undefined) return "Type a number, such as −3.6 or 1.2e-4.";
  if (Object.is(x, wanted) || (Number.isNaN(x) && Number.isNaN(wanted)) || x === wanted) return "";
  // Within 1 %, or as near as four digits of a number that is nearly 0 can say.
  if (Math.abs(x - wanted) <= 0.01 * Math.abs(wanted) + 1e-12) return "";
  if (Number.isNaN(wanted)) return "Not that: one of the factors is no number, and what is its product?";
  if (wanted !== 0 && Math.abs(x + wanted) <= 0.01 * Math.abs(wanted)) return "The size is right, the sign is not.";
  if (local !== null && upstream !== null && Math.abs(x - (local + upstream)) <= 0.01 * Math.abs(local + upstream)) return "You added them: along one way the slopes multiply.";
  if (local !== null && x === local) return "That is the local derivative alone: multiply it by the upstream gradient.";
  return "Not yet: multiply the upstream gradient by the local derivative.";
}

/** @param {string} text @param {number[]} shape */
function judgeShape(text, shape) {
  const found = (text.match(/\d+/g) ?? []).map(Number);
  if (found.length === shape.length && found.every((n, i) => n === shape[i])) return "";
  return "Not yet: the gradient of a value has the value's own shape. Type its lengths, such as 16×784.";
}
