// @ts-check
// Words of the chain rule that say what they mean when they are pressed.

const TERMS = {
  gradient: ["Gradient", "The slope of the result with respect to a value: how many times as much as that value the result changes, for a tiny change. ▲ both go the same way, ▼ they go opposite ways."],
  "chain rule": ["Chain rule", "If c changes e, and e changes L, the slopes multiply: ∂L/∂c = ∂L/∂e × ∂e/∂c. Where c acts by several ways, the products of all ways are added."],
  upstream: ["Upstream gradient", "The gradient of the result of this operation. It is complete already, because everything that uses that result has been passed before."],
  "local derivative": ["Local derivative", "How the result of this one operation changes with this one input. It knows nothing of the rest of the graph."],
  contribution: ["Contribution", "What one use of a value adds to its gradient: upstream times local. A value that is used twice gets two, and its gradient is their sum."],
  Jacobian: ["Jacobian", "The table of all local derivatives of an operation on arrays: one number for each element of the result and each element of the input."],
};

/**
 * A word that says what it means when pressed.
 * @param {keyof typeof TERMS} key @param {string} [text]
 */
function term(key, text = key) {
  const self = make("button.term", { type: "button", "aria-expanded": "false" }, text);
  self.addEventListener("click", () => showTerm(self, key));
  return self;
}

/** @param {HTMLElement} owner @param {keyof typeof TERMS} key */
function showTerm(owner, key) {
  const [title, text] = TERMS[key];
  const box = make("div", { popover: "auto", tabindex: -1, role: "note", "aria-label": title }, make("strong", {}, title), make("p", {}, text));
  document.body.append(box);
  box.addEventListener("toggle", (/** @type {any} */ event) => {
    if (event.newState === "open") return;
    owner.setAttribute("aria-expanded", "false");
    if (box.contains(document.activeElement) || document.activeElement === document.body) owner.focus();
    box.remove();
  });
  box.showPopover();
  owner.setAttribute("aria-expanded", "true");
  const at = owner.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  const below = at.bottom + 6 + size.height < innerHeight;
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
  box.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - size.height - 6)}px`;
  box.focus();
}
