// Text below 12 pixels (10 in graphs at their own size) and targets below 32 by 32.
(common, { panes, shrinks }) => {
  const found = [];
  const told = new Set();
  for (const { element, text } of common.texts()) {
    let size = parseFloat(common.style(element).fontSize);
    const drawn = element instanceof SVGElement;
    if (drawn && !shrinks && !(panes && element.closest(panes))) {
      const { a, b } = element.getScreenCTM();
      size *= Math.hypot(a, b);
    }
    const least = drawn ? 10 : 12;
    // A graph may lose a pixel in twenty to the margins of its page.
    if (size < least * (drawn ? 0.95 : 1) - 0.01 && !told.has(common.where(element))) {
      told.add(common.where(element));
      found.push(`${common.where(element)} "${common.short(text)}": ${size.toFixed(1)} px, of ${least}`);
    }
  }
  const selector = "button, select, summary, input, textarea, [role=button], [role=tab], a[href]";
  for (const element of common.scope().querySelectorAll(selector)) {
    if (!common.shown(element) || common.unseen(element) || element instanceof SVGElement) continue;
    // A link or term within a sentence is as tall as its line.
    if (common.style(element).display.startsWith("inline") && element.matches("a, button.term, dfn *")
      && element.parentElement.textContent.trim() !== element.textContent.trim()) continue;
    // What belongs to a label may be met anywhere on it.
    const boxes = [element, ...(element.labels ?? [])].map((e) => e.getBoundingClientRect());
    const width = Math.max(...boxes.map((b) => b.width));
    const height = Math.max(...boxes.map((b) => b.height));
    if (width < 31.5 || height < 31.5) {
      found.push(`${common.where(element)} "${common.short(element.textContent)}": a target of `
        + `${width.toFixed(0)} by ${height.toFixed(0)} px`);
    }
  }
  return found;
}
