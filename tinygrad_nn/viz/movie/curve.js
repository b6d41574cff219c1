// @ts-check
// A line over the frames, with the frame that is shown.

const CURVE = { width: 440, height: 150, left: 70, right: 14, top: 14, bottom: 26 };

/** @param {string} kind @param {Record<string, any>} attributes @param {string} [text] */
function shape(kind, attributes, text) {
  const self = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) self.setAttribute(name, String(value));
  if (text !== undefined) self.textContent = text;
  return self;
}

/**
 * Positive numbers over more than two powers of ten are drawn on a logarithmic scale.
 * @param {(number | null)[]} numbers
 */
function scaleOf(numbers) {
  const finite = /** @type {number[]} */ (numbers.filter((x) => x !== null && Number.isFinite(x)));
  if (!finite.length) return null;
  let low = Math.min(...finite);
  let high = Math.max(...finite);
  const log = low > 0 && high / low > 100;
  const shown = [low, high];
  const of = log ? Math.log10 : (/** @type {number} */ x) => x;
  [low, high] = [of(low), of(high)];
  const flat = high - low <= 1e-12 * Math.max(Math.abs(low), Math.abs(high));
  return { log, shown: flat ? [shown[0]] : shown, at: (/** @type {number} */ x) => (flat ? 0.5 : (of(x) - low) / (high - low)) };
}

/**
 * @param {{title: string, numbers: (number | null)[], steps: number[], kind?: string, go: (frame: number) => void}} options
 * @returns {{element: SVGElement, show: (frame: number) => void}}
 */
function makeCurve({ title, numbers, steps, kind = "", go }) {
  const { width, height, left, right, top, bottom } = CURVE;
  const last = Math.max(1, numbers.length - 1);
  const x = (/** @type {number} */ k) => left + ((width - left - right) * k) / last;
  const scale = scaleOf(numbers);
  const y = (/** @type {number} */ v) => (scale ? height - bottom - (height - top - bottom) * scale.at(v) : height / 2);
  const self = shape("svg", { class: "curve", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title} over the run` });
  self.append(shape("path", { class: "rule", d: `M${left} ${height - bottom}H${width - right}` }));
  const ends = scale ? scale.shown : [];
  let digits = 3;
  while (digits < 6 && ends.length === 2 && numberText(ends[0], digits) === numberText(ends[1], digits)) digits++;
  for (const value of ends) {
    self.append(shape("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, numberText(value, digits)));
  }
  if (!scale) self.append(shape("text", { x: left, y: height / 2 }, "no finite number"));
  self.append(
    shape("text", { x: left, y: height - 8 }, `step ${steps[0]}`),
    shape("text", { x: width - right, y: height - 8, "text-anchor": "end" }, `${steps[steps.length - 1]}`),
  );
  if (scale && scale.log) self.append(shape("text", { x: (left + width) / 2, y: height - 8, "text-anchor": "middle" }, "log scale"));
  let path = "";
  let pen = false;
  numbers.forEach((value, k) => {
    if (value === null || !Number.isFinite(value)) {
      pen = false;
      if (value !== null) self.append(shape("path", { class: "odd", d: `M${x(k) - 3} ${top}l6 6m0 -6l-6 6` }));
      return;
    }
    path += `${pen ? "L" : "M"}${x(k).toFixed(1)} ${y(value).toFixed(1)}`;
    if (!pen && (numbers[k + 1] === null || !Number.isFinite(numbers[k + 1] ?? NaN))) path += "h0.1";
    pen = true;
  });
  if (path) self.append(shape("path", { class: `line ${kind}`, d: path }));
  const now = shape("path", { class: "now" });
  const dot = shape("circle", { class: "dot", r: 3.5 });
  self.append(now, dot);
  const follow = (/** @type {PointerEvent} */ event) => {
    const box = self.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * width;
    go(Math.round(((at - left) / (width - left - right)) * last));
  };
  self.addEventListener("pointerdown", (event) => {
    self.setPointerCapture(event.pointerId);
    follow(event);
  });
  self.addEventListener("pointermove", (event) => {
    if (event.buttons) follow(event);
  });
  const show = (/** @type {number} */ frame) => {
    const value = numbers[frame];
    now.setAttribute("d", `M${x(frame)} ${top - 6}V${height - bottom}`);
    const seen = value !== null && Number.isFinite(value);
    dot.setAttribute("cx", String(x(frame)));
    dot.setAttribute("cy", String(seen ? y(value) : top));
    dot.setAttribute("visibility", seen ? "visible" : "hidden");
  };
  return { element: /** @type {any} */ (self), show };
}
