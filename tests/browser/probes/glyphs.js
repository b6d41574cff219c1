// Characters that the fonts of this machine have no picture for, and emoji, which we never use.
(common) => {
  const wanted = new Map();
  const note = (text, style, place) => {
    const font = `${style.fontStyle} ${style.fontWeight} 24px ${style.fontFamily}`;
    if (!wanted.has(font)) wanted.set(font, new Map());
    const places = wanted.get(font);
    for (const c of text) if (!places.has(c)) places.set(c, place);
  };
  for (const { element, text } of common.texts()) note(text, common.style(element), element);
  for (const element of common.scope().querySelectorAll("*")) {
    if (!common.shown(element)) continue;
    for (const part of ["::before", "::after"]) {
      const s = getComputedStyle(element, part);
      const quoted = s.content.match(/"((?:[^"\\]|\\.)*)"/u);
      if (quoted) note(quoted[1], s, element);
    }
  }
  const canvas = new OffscreenCanvas(48, 40);
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  const draw = (c, font) => {
    brush.font = font;
    brush.clearRect(0, 0, 48, 40);
    brush.fillText(c, 6, 28);
    return new Uint32Array(brush.getImageData(0, 0, 48, 40).data.buffer).join();
  };
  const found = [];
  for (const [font, places] of wanted) {
    // The first has no meaning, the second is not assigned, the third is for private use.
    const missing = ["\u{10FFFF}", "\u0378", "\uE0FF"].map((c) => draw(c, font));
    const nothing = draw(" ", font);
    for (const [c, element] of places) {
      if (/[\p{Z}\p{C}\p{M}]/u.test(c) && !/\p{Co}/u.test(c)) continue;
      const code = `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
      const drawn = draw(c, font);
      const why = /\p{Emoji_Presentation}/u.test(c) ? "is an emoji"
        : drawn === nothing ? "leaves no ink" : missing.includes(drawn) ? "has no glyph" : "";
      if (why) found.push(`${common.where(element)}: ${c} (${code}) ${why}`);
    }
  }
  return found;
}
