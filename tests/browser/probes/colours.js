// Each text with the colour it is painted in and the parts of it that can be seen.
(common) => {
  const found = [];
  for (const { element, text, rects, kind } of common.texts()) {
    const s = kind === "placeholder"
      ? getComputedStyle(element, "::placeholder") : common.style(element);
    const drawn = element instanceof SVGElement;
    const painted = drawn ? s.fill : s.webkitTextFillColor;
    if (painted === "none" || painted.startsWith("url")) {
      found.push({ where: common.where(element), text: common.short(text), colour: null, rects: [] });
      continue;
    }
    const [r, g, b, alpha] = common.colour(painted);
    let seen = alpha * (drawn ? Number(s.fillOpacity) : 1);
    if (kind === "placeholder") seen *= Number(s.opacity);
    for (let e = element; e; e = e.parentElement) seen *= Number(common.style(e).opacity);
    const cutters = common.cutters(element);
    const visible = [];
    for (const rect of rects) {
      let [left, top, right, bottom] = [rect.left, rect.top, rect.right, rect.bottom];
      for (const { element: pane, x, y } of cutters) {
        if (pane === element && kind !== "text") continue;
        const box = pane.getBoundingClientRect();
        if (x !== "let") [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
        if (y !== "let") [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
      }
      const above = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
      // What lies below a bar that stays in place can be scrolled from under it.
      let bar = above;
      while (bar && !/fixed|sticky/u.test(common.style(bar).position)) bar = bar.parentElement;
      if (bar && !bar.contains(element)) continue;
      if (right - left > 2 && bottom - top > 2) visible.push([left, top, right, bottom]);
    }
    if (visible.length) {
      found.push({
        where: common.where(element), text: common.short(text), colour: [r, g, b, seen],
        rects: visible,
      });
    }
  }
  return found;
}
