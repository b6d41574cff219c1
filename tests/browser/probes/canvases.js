// Canvases without words for those who do not see them.
(common) => [...document.querySelectorAll("canvas")].filter(common.shown).filter((canvas) => {
  if (canvas.closest("[aria-hidden=true]")) {
    // Words may stand at what holds it instead: a figure or an image with a name.
    const holder = canvas.parentElement?.closest("[role=img], figure");
    return !(holder?.getAttribute("aria-label") || holder?.querySelector("figcaption"));
  }
  const named = (canvas.getAttribute("aria-labelledby") ?? "").split(/\s+/u)
    .map((id) => document.getElementById(id)?.textContent ?? "").join("");
  const holder = canvas.closest("[role=img]");
  const words = [canvas.getAttribute("aria-label"), named, canvas.title, canvas.textContent,
    holder?.getAttribute("aria-label")];
  return !words.some((w) => w?.trim());
}).map((canvas) => `${common.where(canvas)}: a canvas without a label`)
