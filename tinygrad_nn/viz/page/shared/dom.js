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

/** What a sandbox may forbid. @template T @param {() => T} act @returns {T | null} */
function attempt(act) {
  try {
    return act();
  } catch {
    return null;
  }
}
