// @ts-check
// Shapes of the data that the files of this page share. Nothing runs here.
//
// The files are joined into one module script, so every function is seen by every other; none
// imports. What each file gives:
//   trace.js     parseTrace, stepInfo, valueAt, gradientAt, stepOfEvent, openFor, ...
//   words.js     numberText, signedText, shapeText, figureText, nodeName, cleanText, shortText, textWidth
//   store.js     makeStore
//   layout.js, layout_columns.js, layout_nested.js    boxes in layers and frames, the same as
//                the drawings of the package
//   graph_cut.js, graph_boxes.js, graph_links.js, graph_pane.js, minimap.js    used by graph.js
//   graph.js     makeGraph(element, model, store): Graph
//   graph_strip.js    makeStrip(element, model, store): the bars of gradients below the graph

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

/**
 * @typedef {object} TraceNode
 * @property {number} key  position in the order of the forward pass
 * @property {string} name  as the user gave it: may hold anything, and is empty for a constant
 * @property {boolean} named
 * @property {"input" | "parameter" | "constant" | "value" | "result"} role
 * @property {string} op  operation that made it; empty for a leaf
 * @property {string[]} arguments  names of that operation's inputs
 * @property {string} doc  what the operation does, in words
 * @property {[string, string][]} params
 * @property {[number, number][]} inputs  pairs (key, slot), in the order of the slots
 * @property {number | null} scope
 * @property {string} line  `file:line`, or empty
 * @property {Figure} value
 * @property {Figure | null} gradient  at the end of the pass
 * @property {string} missing  why there is no gradient
 * @property {number} leftOut
 * @property {boolean} changed
 */

/**
 * One use of an input by an operation.
 * @typedef {object} Use
 * @property {number} index
 * @property {number} source  key of the input
 * @property {number} target  key of the result
 * @property {number} slot
 * @property {number} event  index of the backward event along it, or -1
 */

/**
 * One edge of the backward pass.
 * @typedef {object} BackwardEvent
 * @property {number} index
 * @property {number} from  key of the consumer, whose gradient is the upstream one
 * @property {number} to  key of the input that gets the contribution
 * @property {number} slot
 * @property {number | null} local
 * @property {Figure} adds
 * @property {Figure} sum  the input's gradient after it
 * @property {string} rule
 * @property {number} use  index of the use it runs along, or -1
 */

/**
 * @typedef {object} TraceGroup
 * @property {string} key
 * @property {"graph" | "module" | "repeat" | "chain" | "rest"} kind
 * @property {string} title
 * @property {string} about
 * @property {number | null} parent  position in the list of groups
 * @property {number | null} scope
 * @property {number[]} nodes  keys in it and in none of its groups
 * @property {number} count
 * @property {number} index
 * @property {number} depth  0 for the whole
 * @property {number[]} children  positions of the groups directly in it
 */

/**
 * @typedef {{path: string, kind: string, about: string, parent: number | null, call: number,
 *   parameters: number}} TraceScope
 */

/**
 * A trace, with indices for quick answers.
 * @typedef {object} Model
 * @property {TraceNode[]} nodes
 * @property {Use[]} uses
 * @property {number[][]} usesOf  for each node the uses of which it is the source
 * @property {number[][]} usesInto  for each node the uses of which it is the target
 * @property {BackwardEvent[]} events  in the order of the pass
 * @property {number[][]} eventsInto  for each node the events that add to its gradient, in order
 * @property {number[][]} eventsFrom  for each node the events that carry its gradient on
 * @property {TraceGroup[]} groups  the first is the whole
 * @property {Int32Array} groupOf  for each node the position of the innermost group
 * @property {TraceScope[]} scopes
 * @property {{from: number, slot: number, entries: [number, number, number][]}[]} jacobians
 * @property {number} root  key of the traced node
 * @property {number} total  nodes of the whole graph
 * @property {boolean} observed
 * @property {{phase: string, message: string, op: string, line: string, at: number | null} | null} failure
 * @property {number} forward  number of forward steps, F: steps 1 to F reveal the nodes in order
 * @property {number} seed  number of the seed step, F + 1; 0 where there is no backward pass
 * @property {number} steps  number of steps in all, n; step 0 is before the first
 * @property {object} raw  the trace as it was read
 * @property {Record<string, any>} options
 */

/**
 * What happens at one step.
 * @typedef {object} StepInfo
 * @property {"start" | "forward" | "seed" | "backward"} phase  "start" is step 0 alone
 * @property {number} index  position within its phase, from 0
 * @property {TraceNode | null} node  forward: revealed; seed: the root; backward: whose gradient grows
 * @property {BackwardEvent | null} event
 */

/**
 * @typedef {object} PageState
 * @property {number} step
 * @property {"values" | "gradients" | "heat" | "flow"} view
 * @property {"scalar" | "op" | "module"} level
 * @property {Set<string>} open  keys of the groups that are shown as frames; replaced, never changed
 * @property {number | null} selected
 * @property {boolean} follow
 * @property {"edge" | "node" | "module"} granularity
 * @property {"auto" | "light" | "dark"} theme
 * @property {boolean} predict  the reader works out each product: see isHidden of panel.js
 * @property {number} revealed  step whose product was found or shown, or -1
 */

/**
 * @typedef {object} Store
 * @property {PageState} state
 * @property {(patch: Partial<PageState>) => void} set
 * @property {(heard: (state: PageState, before: PageState) => void) => () => void} subscribe
 */

/**
 * The drawn graph.
 * @typedef {object} Graph
 * @property {() => void} fit  show the whole
 * @property {(factor: number) => void} zoomBy
 * @property {(dx: number, dy: number) => void} panBy  in pixels of the screen
 * @property {(part: string) => void} reveal  bring a part into view, readable
 * @property {(key: number) => void} focusNode  give the keyboard's focus to the part that shows a node
 * @property {(by: number) => void} focusBeside  move that focus on in the order of computation
 * @property {() => string} svgText  the present view as a file of its own
 * @property {(key: number) => string} visiblePartOf  key of the part that shows a node
 * @property {(step: number) => InsideRange | null} insideRange
 * @property {() => {part: string, title: string, about: string}[]} parts  those shown, in order
 * @property {() => string} active  part that the present step rings, or the empty text
 * @property {() => void} resize  call after the pane changed its size without the window
 */

/**
 * Steps that happen inside one collapsed part, without a gap, around a given one.
 * @typedef {{part: string, title: string, first: number, last: number}} InsideRange
 */

/** @typedef {{width: number, height: number, isRound?: boolean}} BoxSize */
/** @typedef {[number, number]} Point */

/**
 * @typedef {object} Placement
 * @property {Point[]} centres
 * @property {Point[][]} curves  for each link 3 k + 1 points of its cubic pieces
 * @property {number} width
 * @property {number} height
 */
