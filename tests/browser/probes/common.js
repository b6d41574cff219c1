// What the probes share. A probe is a function of (common, argument) that runs in the page under
// test; it reads the page, and leaves nothing behind.
(() => {
  const shown = (element) => element.checkVisibility({
    opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true,
  });

  const where = (element) => {
    const names = [];
    for (let e = element; e && e !== document.body && names.length < 3; e = e.parentElement) {
      const id = e.id ? `#${e.id}` : "";
      const kinds = id ? "" : [...e.classList].map((c) => `.${c}`).join("");
      names.unshift(e.localName + id + kinds);
      if (id) break;
    }
    return names.join(" > ");
  };

  const short = (text) => {
    const line = text.replace(/\s+/gu, " ").trim();
    return line.length > 60 ? `${line.slice(0, 57)}...` : line;
  };

  // A modal dialog leaves the rest of the page out of reach.
  const scope = () => [...document.querySelectorAll("dialog")].find((d) => d.matches(":modal"))
    ?? document.body;

  const styles = new Map();
  const style = (element) => {
    if (!styles.has(element)) styles.set(element, getComputedStyle(element));
    return styles.get(element);
  };

  // Ancestors that cut what leaves them, as {element, x, y} with how they treat each direction:
  // "cut", "pan" (the reader can scroll there) or "let".
  const cutters = (element) => {
    const found = [];
    const treat = (value) => value === "visible" ? "let"
      : value === "hidden" || value === "clip" ? "cut" : "pan";
    for (let e = element; e && e !== document.documentElement; e = e.parentElement) {
      if (e === document.body) break;
      const s = style(e);
      if (e.localName !== "svg" && e instanceof SVGElement) continue;
      if (s.display === "inline" && !(e instanceof SVGElement)) continue;
      const x = treat(s.overflowX), y = treat(s.overflowY);
      if (x !== "let" || y !== "let") found.push({ element: e, x, y });
      if (s.position === "fixed") break;
    }
    return found;
  };

  // Text that only assistive technology is to meet: in a box of a pixel, or clipped away.
  const unseen = (element) => {
    for (let e = element; e && e !== document.body; e = e.parentElement) {
      const s = style(e);
      if (s.clipPath === "inset(50%)" || s.clipPath === "inset(100%)") return true;
      if (s.position === "absolute" && s.overflow === "hidden") {
        const box = e.getBoundingClientRect();
        if (box.width <= 1.5 && box.height <= 1.5) return true;
      }
    }
    return false;
  };

  // Every text that is shown: {element, text, rects, kind}, the words of controls included.
  const texts = () => {
    const found = [];
    const root = scope();
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement;
      if (!node.data.trim() || !element || !shown(element) || unseen(element)) continue;
      if (["SCRIPT", "STYLE", "TITLE", "OPTION", "OPTGROUP", "TEXTAREA", "title", "desc", "style"]
        .includes(element.nodeName)) continue;
      if (element instanceof SVGElement && element.closest("defs, symbol")) continue;
      range.selectNodeContents(node);
      const rects = [...range.getClientRects()].filter((r) => r.width > 0 && r.height > 0);
      if (rects.length) found.push({ element, text: node.data, rects, kind: "text" });
    }
    for (const field of root.querySelectorAll("input, textarea, select")) {
      if (!shown(field) || unseen(field)) continue;
      const box = field.getBoundingClientRect();
      const isText = field.matches("textarea, input:not([type=range], [type=checkbox],"
        + " [type=radio], [type=color], [type=file], [type=hidden])");
      if (field.localName === "select") {
        const text = field.selectedOptions[0]?.textContent ?? "";
        found.push({ element: field, text, rects: [box], kind: "select" });
      } else if (isText && field.value) {
        found.push({ element: field, text: field.value, rects: [box], kind: "value" });
      } else if (isText && field.placeholder) {
        found.push({ element: field, text: field.placeholder, rects: [box], kind: "placeholder" });
      }
    }
    return found;
  };

  const canvas = new OffscreenCanvas(1, 1);
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  const known = new Map();
  // A computed colour as [red, green, blue, alpha], whatever space it was written in.
  const colour = (text) => {
    if (!known.has(text)) {
      brush.clearRect(0, 0, 1, 1);
      brush.fillStyle = text;
      brush.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
      known.set(text, [r, g, b, a / 255]);
    }
    return known.get(text);
  };

  return { colour, cutters, scope, short, shown, style, texts, unseen, where };
})()
