// The element with the focus: its place among the controls (-1: none of them), and where it is.
(common) => {
  const e = document.activeElement;
  if (!e || e === document.body || e === document.documentElement) return null;
  const box = e.getBoundingClientRect();
  return {
    index: globalThis[Symbol.for("controls")].indexOf(e), where: common.where(e),
    kind: `${e.localName}.${e.getAttribute("type") ?? ""}.${e.getAttribute("class") ?? ""}`,
    box: [box.left, box.top, box.right, box.bottom], size: [innerWidth, innerHeight],
  };
}
