// A page says its language, has one first heading, and a place for everything.
(common) => {
  const found = [];
  const count = (selector) => [...document.querySelectorAll(selector)].filter(common.shown).length;
  if (document.documentElement.lang !== "en") found.push("the language is not said to be English");
  if (count("h1") !== 1) found.push(`${count("h1")} first headings`);
  if (count("main, [role=main]") !== 1) found.push("not one main part");
  if (!document.title.trim()) found.push("no title");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  const twice = ids.filter((id, k) => ids.indexOf(id) !== k);
  if (twice.length) found.push(`ids used twice: ${twice.slice(0, 5)}`);
  return found;
}
