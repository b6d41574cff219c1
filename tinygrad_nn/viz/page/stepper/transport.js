// @ts-check
// Going through the steps: buttons, scrubber, chips of the phases, and playing.

/**
 * What one press passes as a whole: steps with the same text belong together.
 * @param {Model} model @param {number} step @param {PageState["granularity"]} by
 */
function unitOf(model, step, by) {
  const info = stepInfo(model, step);
  if (by === "edge" || info.phase === "start" || info.phase === "seed") return `${step}`;
  const node = info.event ? model.nodes[info.event.from] : info.node;
  if (!node) return `${step}`;
  if (by === "node") return `${info.phase} ${node.key}`;
  return `${info.phase} ${node.scope === null ? "none" : node.scope}`;
}

/**
 * The step that one press leads to: the last of the next unit, or of the one before.
 * @param {Model} model @param {number} step @param {1 | -1} way @param {PageState["granularity"]} by
 */
function stepBeside(model, step, way, by) {
  const last = model.steps;
  if (way > 0) {
    if (step >= last) return last;
    let next = step + 1;
    const unit = unitOf(model, next, by);
    while (next < last && unitOf(model, next + 1, by) === unit) next++;
    return next;
  }
  if (step <= 0) return 0;
  const unit = unitOf(model, step, by);
  let next = step - 1;
  while (next > 0 && unitOf(model, next, by) === unit) next--;
  return next;
}

/** The phases with their first steps. @param {Model} model @returns {[string, string, number, string][]} */
function phasesOf(model) {
  /** @type {[string, string, number, string][]} */
  const found = [["forward", "Forward", model.forward ? 1 : 0, "the values are computed"]];
  if (model.seed) {
    found.push(["seed", "Seed", model.seed, "the result's gradient with respect to itself is 1"]);
    if (model.steps > model.seed) found.push(["backward", "Backward", model.seed + 1, "gradients flow back"]);
  }
  return found;
}

/** @param {Model} model @param {Store} store */
function makeTransport(model, store) {
  const last = model.steps;
  let timer = 0;

  const go = (/** @type {number} */ step) => store.set({ step: Math.max(0, Math.min(last, Math.round(step))) });
  const beside = (/** @type {1 | -1} */ way, /** @type {PageState["granularity"]} */ by = store.state.granularity) =>
    go(stepBeside(model, store.state.step, way, by));
  const rate = () => Math.min(20, Math.max(0.5, 2 ** (Number(byId("speed").value) / 2)));

  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    showPlaying();
  };
  const tick = () => {
    beside(1);
    timer = setTimeout(tick, 1000 / rate());
    if (store.state.step >= last) stop();
  };
  const play = () => {
    if (timer) return stop();
    if (store.state.step >= last) go(0);
    timer = setTimeout(tick, 1000 / rate());
    showPlaying();
  };
  const showPlaying = () => {
    const self = byId("play");
    self.querySelector("use").setAttribute("href", timer ? "#i-pause" : "#i-play");
    self.querySelector("span").textContent = timer ? "Pause" : "Play";
  };

  /** @param {string} id @param {() => void} act */
  const press = (id, act) => byId(id).addEventListener("click", act);
  const scrubber = byId("scrubber");
  scrubber.max = String(last);
  scrubber.addEventListener("input", () => go(Number(scrubber.value)));
  press("start", () => go(0));
  press("back", () => beside(-1));
  press("step", () => beside(1));
  press("next", () => beside(1, "node"));
  press("play", play);
  press("end", () => go(last));

  const chips = phasesOf(model).map(([phase, title, first, about]) => {
    const chip = button(title, () => go(first), { title: `${title}: ${about}` });
    byId("phases").append(make("li", {}, chip));
    return { phase, chip };
  });
  const showRate = () => (byId("rate").textContent = `${numberText(rate(), 2)}/s`);
  byId("speed").addEventListener("input", showRate);
  showRate();

  const show = () => {
    const { step } = store.state;
    const { phase } = stepInfo(model, step);
    scrubber.value = String(step);
    scrubber.setAttribute("aria-valuetext", `step ${step} of ${last}, ${phase}`);
    byId("count").textContent = `step ${step} / ${last}`;
    for (const id of ["start", "back"]) rest(byId(id), step <= 0);
    for (const id of ["step", "next", "end"]) rest(byId(id), step >= last);
    for (const { phase: own, chip } of chips) chip.setAttribute("aria-current", String(own === phase));
  };
  store.subscribe(show);
  show();
  return { go, beside, play, stop };
}

/** A button at rest keeps the keyboard's focus, which a disabled one would lose. @param {HTMLElement} self @param {boolean} off */
function rest(self, off) {
  self.setAttribute("aria-disabled", String(off));
}
