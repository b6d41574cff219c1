// @ts-check
// At the border of the drawing: where the ends of the present edge are that are out of sight, and
// before the first step the result.

const SIGN_WORDS = { left: "to the left", right: "to the right", up: "above", down: "below" };

/**
 * @param {HTMLElement} element @param {(name: string) => void} reveal
 * @returns {{show: (ends: {name: string, title: string, rect: Rect}[], view: PaneView, room: {width: number, height: number}) => void}}
 */
function makeSigns(element, reveal) {
  const box = make("div.signs");
  element.append(box);
  let last = "";
  return {
    show(ends, { x, y, k }, { width, height }) {
      const signs = ends.flatMap(({ name, title, rect }) => {
        const [left, top, right, bottom] = [x + rect[0] * k, y + rect[1] * k, x + rect[2] * k, y + rect[3] * k];
        const way = right < 12 ? "left" : left > width - 12 ? "right" : bottom < 12 ? "up" : top > height - 12 ? "down" : null;
        return way ? [{ name, title, way: /** @type {keyof typeof SIGN_WORDS} */ (way) }] : [];
      });
      const text = signs.map(({ name, way }) => `${name} ${way}`).join();
      if (text === last) return;
      last = text;
      box.replaceChildren(...signs.map(({ name, title, way }) =>
        button(`${shortText(title, 24)}: ${SIGN_WORDS[way]}`, () => reveal(name), { class: way })));
    },
  };
}
