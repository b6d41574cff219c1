// @ts-check
// The whole graph in a corner, where it is larger than two screens.

const MAP_WIDTH = 168;
const MAP_HEIGHT = 112;

/**
 * @param {HTMLElement} element @param {Pane} pane
 * @returns {{draw: (drawing: Drawing) => void, look: (view: PaneView, room: {width: number, height: number}) => void}}
 */
function makeMinimap(element, pane) {
  const shapes = svgMake("path.map-boxes");
  const spot = svgMake("rect.map-view", { rx: 2 });
  const svg = svgMake("svg.minimap", { "aria-hidden": "true", width: MAP_WIDTH, height: MAP_HEIGHT }, shapes, spot);
  element.append(svg);
  let whole = { width: 1, height: 1 };
  let scale = 1;
  let high = MAP_HEIGHT;
  let held = false;
  const go = (/** @type {PointerEvent} */ event) => {
    const box = svg.getBoundingClientRect();
    const room = pane.size();
    const { k } = pane.view;
    const at = [(event.clientX - box.left - offset(0)) / scale, (event.clientY - box.top - offset(1)) / scale];
    pane.show({ k, x: room.width / 2 - at[0] * k, y: room.height / 2 - at[1] * k });
  };
  const offset = (/** @type {0 | 1} */ axis) =>
    axis ? (high - whole.height * scale) / 2 : (MAP_WIDTH - whole.width * scale) / 2;
  listen(svg, {
    pointerdown(/** @type {PointerEvent} */ event) {
      held = true;
      svg.setPointerCapture(event.pointerId);
      go(event);
    },
    pointermove: (/** @type {PointerEvent} */ event) => held && go(event),
    pointerup: () => { held = false; },
    pointercancel: () => { held = false; },
  });
  return {
    draw(drawing) {
      whole = { width: Math.max(1, drawing.width), height: Math.max(1, drawing.height) };
      scale = Math.min((MAP_WIDTH - 8) / whole.width, (MAP_HEIGHT - 8) / whole.height);
      high = Math.max(32, Math.min(MAP_HEIGHT, whole.height * scale + 8));
      svg.setAttribute("height", String(high));
      const n = (/** @type {number} */ x) => Math.round(x * 10) / 10;
      shapes.setAttribute("d", drawing.rects.map(([l, t, r, b]) => {
        const [width, height] = [Math.max(1.5, (r - l) * scale), Math.max(1.5, (b - t) * scale)];
        return `M${n(l * scale + offset(0))} ${n(t * scale + offset(1))}h${n(width)}v${n(height)}h${n(-width)}z`;
      }).join(""));
    },
    look(view, room) {
      const large = whole.width * whole.height * view.k * view.k > 2 * room.width * room.height
        || whole.width * view.k > 2 * room.width || whole.height * view.k > 2 * room.height;
      svg.classList.toggle("off", !large || room.width < 480 || room.height < 300);
      if (!large) return;
      const x = Math.max(0, (-view.x / view.k) * scale + offset(0));
      const y = Math.max(0, (-view.y / view.k) * scale + offset(1));
      const right = Math.min(MAP_WIDTH, ((room.width - view.x) / view.k) * scale + offset(0));
      const bottom = Math.min(high, ((room.height - view.y) / view.k) * scale + offset(1));
      for (const [name, value] of Object.entries({ x, y, width: Math.max(3, right - x), height: Math.max(3, bottom - y) })) {
        spot.setAttribute(name, String(Math.round(value * 10) / 10));
      }
    },
  };
}
