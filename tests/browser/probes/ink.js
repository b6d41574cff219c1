// Hides (true) or shows again (false) the ink of all text and nothing else.
(common, hidden) => {
  const key = Symbol.for("ink");
  if (!hidden) {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((s) => s !== globalThis[key]);
    delete globalThis[key];
    return;
  }
  const sheet = globalThis[key] = new CSSStyleSheet();
  sheet.replaceSync(`
    *, *::before, *::after, ::placeholder, ::marker {
      -webkit-text-fill-color: transparent !important;
      text-shadow: none !important;
      text-decoration-color: transparent !important;
      caret-color: transparent !important;
      transition: none !important;
      animation: none !important;
    }
    svg text, svg text * { fill: transparent !important; stroke: none !important; }`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
