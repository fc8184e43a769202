{
  // Choose among the findings; what is chosen stands in the address, so that it can be sent.
  // The table has a row for each finding that is drawn. One that is told in brief gets a row when it
  // is chosen, and the table never has more rows than it came with: thousands would be slow.
  const table = document.querySelector("#findings table.index");
  const form = document.querySelector("#filter");
  const rest = document.querySelector("#rest");
  const names = ["status", "backend", "op", "clause", "verdict"];
  const word = (part) => part.textContent.trim().replace(/\s+/g, " ");
  const drawn = [...(table?.tBodies[0].rows ?? [])].map((row) => {
    const article = document.getElementById(row.querySelector("a").textContent);
    return { row, article, words: names.map((_, i) => word(row.cells[i])), text: "" };
  });
  const brief = [...document.querySelectorAll("article.brief")].map((article) => {
    const words = [...article.firstElementChild.querySelectorAll("span")].map(word);
    return { row: null, article, words, text: "" };
  });
  const all = [...drawn, ...brief];
  const chunks = document.querySelectorAll(".chunk");
  const added = []; // rows of what is told in brief

  const searched = (one) => {
    if (!one.text) {
      const shown = one.article?.querySelectorAll(":scope > .case > dd, :scope > p") ?? [];
      const told = [...shown].slice(0, 3).map((part) => part.textContent);
      one.text = [...one.words, one.article?.id, ...told].join(" ").toLowerCase();
    }
    return one.text;
  };

  const rowOf = ({ article, words }) => {
    const row = drawn[0].row.cloneNode(true);
    row.hidden = false;
    words.forEach((text, i) => { row.cells[i].textContent = text; });
    row.cells[0].replaceChildren(article.querySelector(".status").cloneNode(true));
    row.cells[5].textContent = word(article.querySelector("p .aside")).split(" ")[0];
    const link = row.querySelector("a");
    link.textContent = article.id;
    link.href = `#${article.id}`;
    return row;
  };

  const apply = () => {
    const chosen = new URLSearchParams();
    for (const field of form.elements) {
      if (field.name && field.value.trim()) chosen.set(field.name, field.value.trim());
    }
    const text = (chosen.get("text") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const fits = ({ words }) =>
      names.every((name, i) => !chosen.has(name) || chosen.get(name) === words[i]);
    const found = all.filter((one) => fits(one) && text.every((part) => searched(one).includes(part)));
    const listed = new Set(found.slice(0, drawn.length));
    const kept = new Set(found);
    for (const one of all) if (one.article) one.article.hidden = !kept.has(one);
    for (const one of chunks) one.hidden = !one.querySelector("article:not([hidden])");
    for (const one of drawn) one.row.hidden = !listed.has(one);
    for (const row of added.splice(0)) row.remove();
    if (chosen.size) added.push(...brief.filter((one) => listed.has(one)).map(rowOf));
    table.tBodies[0].append(...added);
    const [many, whole] = [found, all].map((some) => some.length.toLocaleString("en"));
    const cut = chosen.size && found.length > listed.size ? `, ${listed.size} in the table` : "";
    form.querySelector("output").textContent = `${many} of ${whole} findings${cut}`;
    if (rest) rest.hidden = chosen.size > 0;
    const query = chosen.toString();
    history.replaceState(null, "", (query ? `?${query}` : location.pathname) + location.hash);
  };

  // A link to a finding shows it, whatever is chosen.
  const reveal = () => {
    const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const article = wanted?.closest("article.finding");
    if (!article?.hidden) return;
    form.reset();
    apply();
    article.scrollIntoView();
  };

  if (form && all.length > 1) {
    const given = new URLSearchParams(location.search);
    names.forEach((name, i) => {
      const select = form.elements[name];
      const values = [...new Set(all.map((one) => one.words[i]))];
      for (const value of values) select.add(new Option(value, value));
      if (values.includes(given.get(name))) select.value = given.get(name);
    });
    form.elements.text.value = given.get("text") ?? "";
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    if (given.size) apply();
    addEventListener("hashchange", reveal);
    reveal();
  }
}
