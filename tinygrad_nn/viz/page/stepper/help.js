// @ts-check

const KEYS = [
  ["→  ←", "one step on, one back"],
  ["↓  ↑", "next node, previous node"],
  ["Home  End", "before the first step, after the last"],
  ["Space", "play or pause"],
  ["1  2  3  4", "show values, gradients, heat, flow"],
  ["/", "find: a name, operation or module; grad>1e2, grad<1e-6, nan; Enter for the next"],
  ["f", "fit the graph into its pane"],
  ["+  −  0", "zoom in, out, to the whole"],
  ["Shift + arrows", "move the graph"],
  ["Enter", "on a box: open or close a module, choose a node"],
  ["PageDown  PageUp", "in the graph: next box, previous box"],
  ["c", "close all modules"],
  ["p", "predict: you work out each product"],
  ["t", "theme: auto, light, dark"],
  ["?", "this help"],
];

/** @returns {() => void} opens the dialog */
function makeHelp() {
  const dialog = byId("help-dialog");
  dialog.append(
    make("h2", { id: "help-title" }, "How to read this page"),
    make("p", {}, "The graph is a computation: values flow to the right, to the result. The backward pass then goes from the result to the left, and finds for each value its ", make("strong", {}, "gradient"), ": how many times as much the result changes as that value does."),
    make("p", {}, "Each step of it is one arrow and one product: the gradient of the operation's result, times how that result changes with this input. If a value is used several times, its products are added."),
    make("p", {}, "▲ and blue: positive. ▼ and orange: negative. Purple and dashed: the present step. Striped: not a number, or infinite."),
    make("h3", {}, "Keys"),
    make("dl.keys", {}, KEYS.map(([keys, what]) => [make("dt", {}, keys.split("  ").map((k, i) => [i ? " " : "", make("kbd", {}, k)]).flat()), make("dd", {}, what)]).flat()),
    make("div.row", {}, button("Close", () => dialog.close())),
  );
  dialog.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    if (event.target === dialog) dialog.close();
  });
  const open = () => dialog.open || dialog.showModal();
  byId("help").addEventListener("click", open);
  return open;
}
