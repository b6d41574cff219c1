// Everything that Tab is to reach, kept under a key of the page for `focused`.
(common) => {
  const selector = "a[href], area[href], button, input, select, textarea, summary, iframe,"
    + " [tabindex], [contenteditable=''], [contenteditable=true], audio[controls], video[controls]";
  const groups = new Set();
  const found = [...common.scope().querySelectorAll(selector)].filter((e) => {
    if (e.matches(":disabled, [type=hidden], iframe") || e.tabIndex < 0 || !common.shown(e)) {
      return false;
    }
    if (e.closest("[inert]")) return false;
    if (e.localName === "summary" && e !== e.parentElement.querySelector(":scope > summary")) {
      return false;
    }
    if (e.matches("input[type=radio]") && e.name) {
      // Of the buttons of one group Tab meets the chosen one, or the first.
      const group = [...document.getElementsByName(e.name)].filter((o) => o.form === e.form);
      if (group.some((o) => o.checked) ? !e.checked : groups.has(e.name)) return false;
      groups.add(e.name);
    }
    return true;
  });
  globalThis[Symbol.for("controls")] = found;
  return found.map((e) => ({
    where: common.where(e), kind: `${e.localName}.${e.getAttribute("type") ?? ""}.${e.className}`,
    text: common.short(e.getAttribute("aria-label") ?? e.textContent ?? ""),
  }));
}
