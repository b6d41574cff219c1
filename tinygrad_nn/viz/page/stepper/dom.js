// @ts-check
// Elements from plain descriptions. Text is only ever set as text.

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element such as `make("p.note", {id: "n"}, "text")`.
 * @param {string} kind  its tag, and classes after dots
 * @param {Record<string, any>} [attributes]  `on...` are handlers; null and false are left away
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
function make(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(`${child}` === child ? child : asNode(child));
  }
  return element;
}

/** @param {Exclude<Child, null | undefined | false>} child */
function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/** @param {string} id @returns {any} */
function byId(id) {
  return document.getElementById(id);
}

/** @param {string} text @param {() => void} onclick @param {Record<string, any>} [attributes] */
function button(text, onclick, attributes = {}) {
  return make("button", { type: "button", onclick, ...attributes }, text);
}

/** A button that looks like a link. @param {string} text @param {() => void} onclick */
function link(text, onclick) {
  return make("button.link", { type: "button", onclick }, text);
}

/**
 * What a live region says, at most once a second; what is overtaken is not said.
 * @param {HTMLElement} element
 */
function makeSpeaker(element) {
  let waiting = "";
  let timer = 0;
  const speak = () => {
    timer = 0;
    if (!waiting) return;
    element.textContent = waiting;
    waiting = "";
    timer = setTimeout(speak, 1000);
  };
  return (/** @type {string} */ text) => {
    waiting = text;
    if (!timer) timer = setTimeout(speak, 150);
  };
}

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
