// Where the colours that carry a meaning are painted: for each selector its first shown elements
// with the colour they have. A shape counts by its fill, or its stroke where it has no fill.
(common, selectors) => Object.fromEntries(Object.entries(selectors).map(([name, selector]) => {
  const found = [];
  for (const named of common.scope().querySelectorAll(selector)) {
    if (found.length === 6) break;
    const element = named.localName === "g" ? named.querySelector("text") : named;
    if (!element || !common.shown(element) || common.unseen(element)) continue;
    const s = common.style(element);
    const drawn = element instanceof SVGElement;
    const filled = s.fill !== "none" && !s.fill.startsWith("url");
    const [r, g, b, alpha] = common.colour(!drawn ? element.textContent.trim() ? s.color
      : s.backgroundColor : filled ? s.fill : s.stroke);
    const box = element.getBoundingClientRect();
    // The first colour is the one that counts: on another ground the same may have another.
    if (found.length && found[0].colour.join() !== [r, g, b].join()) continue;
    if (alpha > 0.99 && box.bottom > 0 && box.right > 0) {
      // The box of a line is that of its middle.
      const by = drawn && !filled ? Math.max(1, parseFloat(s.strokeWidth) / 2) : 0;
      found.push({
        colour: [r, g, b], box: [box.left - by, box.top - by, box.right + by, box.bottom + by],
      });
    }
  }
  return [name, found];
}))
