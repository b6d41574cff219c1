// @ts-check
// Shapes of the data that several pages share. Nothing runs here.
//
//   dom.js: elements; words.js: numbers, arrays and names as text, as wording.py and measure.py have
//   them; theme.js: light and dark

/**
 * An array in a few figures.
 * @typedef {object} Summary
 * @property {number[]} shape
 * @property {string} dtype
 * @property {number} size  number of elements
 * @property {number} mean
 * @property {number} deviation
 * @property {number} low
 * @property {number} high
 * @property {number} norm
 * @property {number} nans
 * @property {number} infs
 * @property {number} zeros
 * @property {number[] | null} elements  all of them in row-major order, if there are few
 * @property {{rows: number, columns: number, limit: number, cells: string} | null} picture
 */

/** @typedef {number | Summary} Figure */
