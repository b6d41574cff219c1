// G3, G4, S9: text that leaves its box, texts that run into one another, boxes and labels that
// lie on one another. A node is a <g> with a shape of its own, a label a <g class="label">.
(common) => {
  const found = [];
  const box = (element) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return { left, top, right, bottom };
  };
  const meet = (a, b, by) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > by
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > by;
  const union = (boxes) => ({
    left: Math.min(...boxes.map((b) => b.left)), top: Math.min(...boxes.map((b) => b.top)),
    right: Math.max(...boxes.map((b) => b.right)), bottom: Math.max(...boxes.map((b) => b.bottom)),
  });
  const leaves = (inner, outer, by) => Math.max(outer.left - inner.left, inner.right - outer.right,
    outer.top - inner.top - by, inner.bottom - outer.bottom - by);
  const name = (g) => g.id || g.dataset.key || g.getAttribute("class") || g.localName;

  for (const svg of document.querySelectorAll("svg")) {
    if (!common.shown(svg) || svg.parentElement.closest("svg")) continue;
    const scale = svg.getScreenCTM()?.a ?? 1;
    const groups = [...svg.querySelectorAll("g")].filter(common.shown);
    const nodes = groups.filter((g) => g.querySelector(":scope > .shape")
      && g.querySelector("text")).map((g) => ({
      g, box: union([...g.querySelectorAll(":scope > .shape")].map(box)),
    }));
    const labels = groups.filter((g) => g.matches(".label") && g.querySelector("text"))
      .map((g) => ({ g, box: union([...g.querySelectorAll("text")].map(box)) }));

    for (const { g, box: outer } of nodes) {
      const rects = [...g.querySelectorAll("rect, .shape")].map(box);
      const texts = [...g.querySelectorAll("text")].filter((t) => t.textContent.trim()
        && t.closest("g:has(> .shape)") === g).map((t) => ({ t, box: box(t) }));
      for (const { t, box: inner } of texts) {
        // The innermost rectangle around the middle of a text, such as a cell, is to hold it.
        const x = (inner.left + inner.right) / 2, y = (inner.top + inner.bottom) / 2;
        const holders = rects.filter((r) => r.left <= x && x <= r.right && r.top <= y
          && y <= r.bottom && r.right - r.left > 4 * scale).sort((a, b) =>
          (a.right - a.left) * (a.bottom - a.top) - (b.right - b.left) * (b.bottom - b.top));
        const by = leaves(inner, holders[0] ?? outer, 2 * scale) / scale;
        if (by > 0.5) {
          found.push(`${name(g)} "${common.short(t.textContent)}": leaves its box by `
            + `${by.toFixed(1)} px`);
        }
      }
      texts.forEach((a, k) => texts.slice(0, k).forEach((b) => {
        if (meet(a.box, b.box, 3 * scale)) {
          found.push(`${name(g)}: "${common.short(a.t.textContent)}" runs into `
            + `"${common.short(b.t.textContent)}"`);
        }
      }));
    }
    nodes.forEach((a, k) => nodes.slice(0, k).forEach((b) => {
      if (!a.g.contains(b.g) && !b.g.contains(a.g) && meet(a.box, b.box, 0.5 * scale)) {
        found.push(`${name(a.g)} lies on ${name(b.g)}`);
      }
    }));
    labels.forEach((a, k) => {
      for (const b of nodes) {
        if (!b.g.contains(a.g) && meet(a.box, b.box, scale)) {
          found.push(`label ${name(a.g)} lies on ${name(b.g)}`);
        }
      }
      for (const b of labels.slice(0, k)) {
        if (meet(a.box, b.box, 2 * scale)) {
          found.push(`label ${name(a.g)} lies on label ${name(b.g)}`);
        }
      }
    });
    if (svg.getAttribute("role") === "img") {
      const whole = box(svg);
      for (const t of svg.querySelectorAll("text")) {
        if (common.shown(t) && leaves(box(t), whole, 0) > 0.5) {
          found.push(`"${common.short(t.textContent)}": leaves the picture`);
        }
      }
    }
  }
  return found;
}
