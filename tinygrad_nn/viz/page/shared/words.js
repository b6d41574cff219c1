// @ts-check
// Numbers, arrays and names as words; the same as the drawings of the package.

/**
 * Four significant digits, a real minus sign, and words for NaN and infinity.
 * @param {number} x @param {number} [digits] @returns {string}
 */
function numberText(x, digits = 4) {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "Inf" : "−Inf";
  if (x === 0) return "0";
  const size = Math.abs(x);
  let text;
  if (size < 1e-3 || size >= 1e5) {
    const [mantissa, exponent] = evenly(x, (y, d) => y.toExponential(d), digits - 1).split("e");
    text = `${withoutZeros(mantissa)}e${Number(exponent)}`;
  } else {
    const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
    text = withoutZeros(evenly(x, (y, d) => y.toFixed(d), places));
  }
  return text.replaceAll("-", "−");
}

/**
 * Format with ties to the even digit, where the language's own go up.
 * @param {number} x @param {(y: number, digits: number) => string} format @param {number} digits
 */
function evenly(x, format, digits) {
  const text = format(x, digits);
  const [exact] = format(x, 100).split("e");
  const tail = exact.slice(exact.indexOf(".") + 1 + digits);
  if (!/^50*$/.test(tail)) return text;
  const [kept] = text.split("e");
  const last = Number(kept[kept.length - 1]);
  if (last % 2 === 0) return text;
  // The tie went up to an odd digit: the one below, which ends in an even one, is as near.
  return kept.slice(0, -1) + String(last - 1) + text.slice(kept.length);
}

/** @param {string} decimal */
function withoutZeros(decimal) {
  return decimal.includes(".") ? decimal.replace(/0+$/, "").replace(/\.$/, "") : decimal;
}

/** @param {number} x @returns {string} with ▲ before a positive and ▼ before a negative number */
function signedText(x) {
  return (x > 0 ? "▲ " : x < 0 ? "▼ " : "") + numberText(x);
}

/** @param {number} x @returns {"plus" | "minus" | "plain"} */
function signOf(x) {
  return x > 0 ? "plus" : x < 0 ? "minus" : "plain";
}

/** @param {number[]} shape @returns {string} `2×3`, `4 elements`; empty for a single number */
function shapeText(shape) {
  if (shape.length === 1) return `${shape[0]} element${shape[0] === 1 ? "" : "s"}`;
  return shape.join("×");
}

/**
 * One number in full; a small array in full; of a larger one the mean, deviation and range.
 * @param {Figure} f @returns {string}
 */
function figureText(f) {
  if (typeof f === "number") return numberText(f);
  if (f.elements && f.size <= 4) return nestedText(f.elements, f.shape);
  if (!f.size) return "empty";
  const odd = oddCounts(f);
  if (!odd.length && f.low === f.high) return `all ${numberText(f.low)}`;
  if (f.nans + f.infs < f.size) {
    odd.push(
      `≈${numberText(f.mean, 2)} ±${numberText(f.deviation, 2)} ` +
        `[${numberText(f.low, 2)}, ${numberText(f.high, 2)}]`,
    );
  }
  return odd.join(", ");
}

/** @param {number[]} elements @param {number[]} shape @returns {string} */
function nestedText(elements, shape) {
  if (!shape.length) return numberText(elements[0]);
  if (shape.includes(0)) return "empty";
  const step = elements.length / shape[0];
  const rows = [];
  for (let i = 0; i < elements.length; i += step) {
    rows.push(nestedText(elements.slice(i, i + step), shape.slice(1)));
  }
  return `[${rows.join(", ")}]`;
}

/** @param {Figure} f @returns {number} size of a number, or norm of an array; NaN if any element is */
function figureNorm(f) {
  if (typeof f === "number") return Math.abs(f);
  if (f.nans) return NaN;
  if (f.infs) return Infinity;
  return f.norm;
}

/** @param {Figure} f @returns {boolean} */
function isFiniteFigure(f) {
  return typeof f === "number" ? Number.isFinite(f) : !f.nans && !f.infs;
}

/** @param {Figure} f @returns {string} what is not finite in it, in words; empty if all is */
function oddText(f) {
  if (typeof f === "number") return Number.isFinite(f) ? "" : numberText(f);
  return oddCounts(f).join(", ");
}

/** @param {Exclude<Figure, number>} f @returns {string[]} how many elements are NaN and infinite */
function oddCounts(f) {
  const parts = f.nans ? [`${f.nans} NaN`] : [];
  if (!f.infs) return parts;
  if (!f.elements) return [...parts, `${f.infs} ±Inf`];
  for (const [sign, word] of /** @type {[number, string][]} */ ([[Infinity, "Inf"], [-Infinity, "−Inf"]])) {
    const count = f.elements.filter((x) => x === sign).length;
    if (count) parts.push(`${count} ${word}`);
  }
  return parts;
}

/** @param {number} norm @returns {string} `no gradient`, `vanishing`, `exploding`, or empty; what is not finite has a word already */
function normWord(norm) {
  if (!Number.isFinite(norm)) return "";
  return norm === 0 ? "no gradient" : norm < 1e-6 ? "vanishing" : norm > 1e2 ? "exploding" : "";
}

/**
 * One printable line: control, formatting and unassigned characters as their escapes.
 * @param {string} text @returns {string}
 */
function cleanText(text) {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => {
    const code = /** @type {number} */ (c.codePointAt(0));
    if (c === "\n") return "\\n";
    if (c === "\t") return "\\t";
    if (c === "\r") return "\\r";
    const hex = code.toString(16);
    if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
  });
}

/**
 * Cut to the limit: a sentence at its end, a name, which has no spaces, in its middle; of a dotted
 * path the last names stay whole if they fit.
 * @param {string} text @param {number} [limit] @returns {string}
 */
function shortText(text, limit = 24) {
  // By code points, and never through the whole of a very long text.
  const letters = Array.from(text.slice(0, 2 * limit + 2));
  if (letters.length <= limit && text.length <= 2 * limit + 2) return text;
  const room = limit - 1;
  if (text.includes(" ")) return letters.slice(0, room).join("") + "…";
  const ends = Array.from(text.slice(-2 * limit - 2)).slice(-limit);
  const dot = ends.indexOf(".");
  const fits = dot >= 0 && dot < room;
  const head = fits ? Math.max(0, letters.slice(0, dot + 1).lastIndexOf(".")) : Math.floor(room / 3);
  return letters.slice(0, head).join("") + "…" + ends.slice((fits ? dot : head) + 1).join("");
}

/**
 * Name of a node in words, in full: a constant is named by its number.
 * @param {{name: string, value: Figure}} node @returns {string}
 */
function nodeName(node) {
  if (node.name) return cleanText(node.name);
  return typeof node.value === "number" ? numberText(node.value) : `constant ${shapeText(node.value.shape)}`;
}

const ROLE_WORDS = {
  input: "input", parameter: "parameter", constant: "constant",
  value: "intermediate value", result: "result",
};

/** Signs of operations that are drawn in a circle. @type {Record<string, string>} */
const OP_SIGNS = {
  add: "+", subtract: "−", multiply: "×", divide: "÷", pow: "^", negative: "−", matmul: "@",
};

// ── How wide a text is drawn, at most ───────────────────────────────────────────────────

/** @type {Map<string, number>} advance in thousandths of the font size */
const ADVANCE = new Map();
for (const [advance, letters] of /** @type {[number, string][]} */ ([
  [300, "'Iijl"], [350, " ,./:;\\|"], [400, "()-[]ft·"], [450, "!r"], [500, '"*J`‖'],
  [550, "csz∂²“”"], [600, "?L_kvxy"], [650, "$0123456789FTabdeghnopqu{}"], [700, "ABEKPSVXYZΣ"],
  [750, "CNRU∇"], [800, "&DGHOQ"], [850, "#+<=>^w~−×÷≈±≤"], [900, "M"], [1000, "%Wm…▲▼→"],
  [1050, "@"],
])) {
  for (const c of letters) ADVANCE.set(c, advance);
}

/** @param {string} text @param {number} size @param {boolean} [bold] @returns {number} */
function textWidth(text, size, bold = false) {
  let total = 0;
  for (const c of text) total += ADVANCE.get(c) ?? 1200;
  return ((total * size) / 1000) * (bold ? 1.2 : 1);
}

/** @param {string} text @returns {boolean} whether the width of every character is known */
function widthKnown(text) {
  for (const c of text) if (!ADVANCE.has(c)) return false;
  return true;
}
