// @ts-check
// Light, dark or as the reader's setting is; and colours for what style sheets do not reach.

/** @typedef {"auto" | "light" | "dark"} Theme */

const THEME_KEY = "tinygrad_nn theme";
const THEMES = /** @type {Theme[]} */ (["auto", "light", "dark"]);

/** @returns {Theme | null} what the reader chose on a page before */
function keptTheme() {
  return THEMES.find((t) => t === attempt(() => localStorage.getItem(THEME_KEY))) ?? null;
}

/** The one after this, which is kept for the next page. @param {Theme} theme @returns {Theme} */
function themeAfter(theme) {
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  attempt(() => localStorage.setItem(THEME_KEY, next));
  return next;
}

/** @param {string} theme */
function showTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const switcher = document.getElementById("theme");
  if (switcher) switcher.textContent = `Theme: ${theme}`;
}

/** Told when colours become others, by the switch or by the reader's setting. @param {() => void} heard */
function onTheme(heard) {
  new MutationObserver(heard).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", heard);
}

/**
 * A custom property of theme.css as `rgb(…)`.
 * @param {string} name @param {boolean} [always]  also where the reader's system has colours of its own
 * @returns {string}
 */
function colourOf(name, always = false) {
  // A colour of `light-dark()` is resolved only where it is used.
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  if (always) probe.style.setProperty("forced-color-adjust", "none");
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
