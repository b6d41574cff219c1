// @ts-check
// Shapes of the data that the files of this page share, and a map of those files. Nothing runs here.
//
// The files are joined into one function, after those of ../shared, in the order of their names and
// main.js last: every one sees the functions of all others, none imports, and no two may have a name
// in common.
//
//   the pass     trace.js: JSON to Model, and what is known after a step
//                find.js, alarms.js: what is looked for, and what is wrong
//   the state    store.js: PageState and its hearers; hash.js: the same in the address
//   the graph    graph.js: makeGraph; graph_cut.js: parts of the open groups; graph_plans.js: what
//                stands in a box; layout*.js: where boxes stand, as picture/layers.py, columns.py,
//                layout.py and nested.py; graph_boxes.js, graph_links.js, graph_scene.js: as SVG;
//                graph_pane.js, minimap.js: panning and zooming; graph_signs.js: where an end is that
//                is out of sight; graph_strip.js: what is around it
//   the panel    panel.js: makePanel; backward.js: one step; maps.js, explode.js: arrays, element by
//                element; predict.js: the reader's turn; terms.js, help.js: what words and keys mean
//   the page     main.js: all of it together; transport.js: going through the steps; save.js: files
//                and paper

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
 * @property {Theme} theme
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
