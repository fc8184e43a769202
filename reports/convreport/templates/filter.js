{
  // Choose among the findings; what is chosen stands in the address, so that it can be sent.
  const table = document.querySelector("#findings table.index");
  const form = document.querySelector("#filter");
  const names = ["status", "backend", "op", "clause", "verdict"];
  const rows = [...(table?.tBodies[0].rows ?? [])].map((row) => {
    const article = document.getElementById(row.querySelector("a").textContent);
    const words = names.map((_, i) => row.cells[i].textContent.trim().replace(/\s+/g, " "));
    return { row, article, words, text: "" };
  });

  const searched = (one) => {
    if (!one.text) {
      const shown = one.article?.querySelectorAll(":scope > .case > dd") ?? [];
      const told = [...shown].slice(0, 3).map((part) => part.textContent);
      one.text = [...one.words, one.article?.id, ...told].join(" ").toLowerCase();
    }
    return one.text;
  };

  const apply = () => {
    const chosen = new URLSearchParams();
    for (const field of form.elements) {
      if (field.name && field.value.trim()) chosen.set(field.name, field.value.trim());
    }
    const text = (chosen.get("text") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    let many = 0;
    for (const one of rows) {
      const fits = names.every((name, i) => !chosen.has(name) || chosen.get(name) === one.words[i])
        && text.every((word) => searched(one).includes(word));
      one.row.hidden = !fits;
      if (one.article) one.article.hidden = !fits;
      many += fits;
    }
    form.querySelector("output").textContent = `${many} of ${rows.length} findings`;
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

  if (form && rows.length > 1) {
    const given = new URLSearchParams(location.search);
    names.forEach((name, i) => {
      const select = form.elements[name];
      const values = [...new Set(rows.map((one) => one.words[i]))];
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
