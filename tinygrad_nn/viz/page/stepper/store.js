// @ts-check

/**
 * The state of the page, and those who hear of its changes.
 *
 * A hearer may set something itself: each is then told of every change, none twice of one.
 * @param {PageState} initial
 * @returns {Store}
 */
function makeStore(initial) {
  /** @type {Map<(state: PageState, before: PageState) => void, PageState>} */
  const seen = new Map();
  let telling = false;
  /** @type {Store} */
  const store = {
    state: { ...initial },
    set(patch) {
      const before = /** @type {any} */ (store.state);
      if (Object.entries(patch).every(([name, value]) => Object.is(before[name], value))) return;
      store.state = { ...before, ...patch };
      if (telling) return;
      telling = true;
      try {
        let late = true;
        while (late) {
          late = false;
          for (const [heard, last] of [...seen]) {
            if (last === store.state || !seen.has(heard)) continue;
            late = true;
            seen.set(heard, store.state);
            heard(store.state, last);
          }
        }
      } finally {
        telling = false;
      }
    },
    subscribe(heard) {
      seen.set(heard, store.state);
      return () => seen.delete(heard);
    },
  };
  return store;
}
