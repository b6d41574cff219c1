// Texts of which a part is cut off where no scrolling brings it back, and a page that scrolls
// sideways. `panes` selects what a reader can move about in: what leaves it is not lost.
(common, panes) => {
  const found = [];
  const tell = (element, text, how) =>
    found.push(`${common.where(element)} "${common.short(text)}": ${how}`);
  const page = document.documentElement;
  const sideways = page.scrollWidth - page.clientWidth;
  const cutsPage = [page, document.body].some((e) => /hidden|clip/u.test(common.style(e).overflowX));
  if (sideways > 1 && !cutsPage) {
    const wide = [...document.body.querySelectorAll("*")].filter((e) => common.shown(e)
      && e.getBoundingClientRect().right > page.clientWidth + 1 && !common.cutters(e).length);
    found.push(`the page scrolls sideways by ${sideways} px: ${wide.slice(0, 4).map(common.where)}`);
  }
  const ruler = new OffscreenCanvas(1, 1).getContext("2d");
  for (const { element, text, rects, kind } of common.texts()) {
    if (kind !== "text") {
      const s = common.style(element);
      ruler.font = s.font;
      const room = element.clientWidth - parseFloat(s.paddingLeft) - parseFloat(s.paddingRight);
      // A value may be longer than its field: the reader's own words, and the arrow keys reach
      // all of it.
      if (kind !== "value" && element.localName !== "textarea"
        && ruler.measureText(text.trim()).width > room + 1) tell(element, text, "cut in its field");
      continue;
    }
    const pane = panes && element.closest(panes);
    for (const rect of rects) {
      let [left, right, top, bottom] = [rect.left, rect.right, rect.top, rect.bottom];
      let cut = "";
      for (const { element: holder, x, y } of common.cutters(element)) {
        if (pane && pane.contains(holder)) continue;
        const box = holder.getBoundingClientRect();
        if (x === "cut" && (left < box.left - 1 || right > box.right + 1)) {
          cut ||= `cut in width by ${common.where(holder)}`;
        }
        // A line box is taller than its ink: a sixth of it may be lost on either side.
        const slack = 1 + (rect.height > 4 ? rect.height / 6 : 0);
        if (y === "cut" && (top < box.top - slack || bottom > box.bottom + slack)) {
          cut ||= `cut in height by ${common.where(holder)}`;
        }
        if (x === "pan") [left, right] = [box.left, box.right];
        if (y === "pan") [top, bottom] = [box.top, box.bottom];
      }
      if (pane) [left, right] = [0, 0];
      if (!cut && cutsPage && right > page.clientWidth + 1) cut = "beyond the page's edge";
      if (!cut && right + scrollX < 0) cut = "left of the page";
      if (cut) { tell(element, text, cut); break; }
    }
  }
  return found;
}
