"use strict";
/* The window player: it steps through the output positions of a case and draws each window.

   The data of a player stand in the JSON beside it. N and C lead the input x, M leads the output;
   n, c, m, o, k and i are positions. Numbers are exact: see "Exact numbers". Whatever comes from
   a backend enters the page by textContent only. */
{
  const STEP_MILLISECONDS = 900;
  const MOST_TOLD = 8;
  const TAPPED = { "": "t", p: "q", x: "v" };
  const CHOSEN = { "": "o", w: "z" };
  // Bits of the significand, and the least exponent of a normal number.
  const FORMATS = { float16: [11, -14], bfloat16: [8, -126], float32: [24, -126], float64: [53, -1022] };

  /* Exact numbers: `near` is the nearest double, and a finite number is whole * 2 ** power. */

  const bits = new DataView(new ArrayBuffer(8));

  function lift(near) {
    if (!Number.isFinite(near) || near === 0) return { near, whole: 0n, power: 0 };
    bits.setFloat64(0, near);
    const all = bits.getBigUint64(0);
    const exponent = Number((all >> 52n) & 2047n);
    const fraction = all & ((1n << 52n) - 1n);
    const size = exponent ? fraction | (1n << 52n) : fraction;
    return { near, whole: near < 0 ? -size : size, power: Math.max(exponent, 1) - 1075 };
  }

  function nearest(whole, power) {
    let size = whole < 0n ? -whole : whole;
    const drop = Math.max(size.toString(2).length - 53, -1074 - power);
    if (drop > 0) {
      const half = 1n << BigInt(drop - 1);
      const rest = size & (2n * half - 1n);
      size >>= BigInt(drop);
      if (rest > half || (rest === half && size & 1n)) size += 1n; // ties to even
      power += drop;
    }
    const near = Number(size) * 2 ** power;
    return whole < 0n ? -near : near;
  }

  const exact = (whole, power) =>
    ({ near: whole === 0n ? 0 : nearest(whole, power), whole, power });

  const isFinite = (number) => Number.isFinite(number.near) || number.whole !== 0n;

  function add(one, other) {
    if (!isFinite(one) || !isFinite(other)) return lift(one.near + other.near);
    const power = Math.min(one.power, other.power);
    const whole = (number) => number.whole << BigInt(number.power - power);
    return exact(whole(one) + whole(other), power);
  }

  function multiply(one, other) {
    if (!isFinite(one) || !isFinite(other)) return lift(one.near * other.near);
    const product = one.whole * other.whole;
    if (product === 0n) return lift(Math.sign(one.near) * Math.sign(other.near)); // a signed zero
    return exact(product, one.power + other.power);
  }

  const size = (number) =>
    number.near < 0 || Object.is(number.near, -0)
      ? { near: -number.near, whole: -number.whole, power: number.power }
      : number;

  function larger(one, other) {
    if (Number.isNaN(one.near) || Number.isNaN(other.near)) return lift(NaN);
    if (!isFinite(one) || !isFinite(other)) return other.near > one.near ? other : one;
    const difference = add(other, { near: -one.near, whole: -one.whole, power: one.power });
    return difference.whole > 0n ? other : one;
  }

  /* An element of a dtype, from the shortest word that tells it. */
  function element(word, dtype) {
    if (!(dtype in FORMATS)) return exact(BigInt(word), 0);
    const near = Number(word.replace("inf", "Infinity").replace("nan", "NaN"));
    if (!Number.isFinite(near) || near === 0) return lift(near);
    const [precision, least] = FORMATS[dtype];
    const { whole, power } = lift(near);
    const length = (whole < 0n ? -whole : whole).toString(2).length;
    const quantum = 2 ** (Math.max(power + length - 1, least) - precision + 1);
    const parts = near / quantum;
    let rounded = Math.round(parts);
    if (rounded - parts === 0.5 && rounded % 2) rounded -= 1; // ties to even
    return lift(rounded * quantum);
  }

  /* A number as the report writes it elsewhere: 1e-05 below 0.0001, 1e+16 from there on. */
  function shown(number, isWhole) {
    if (isWhole) return number.whole.toString();
    const { near } = number;
    if (Object.is(near, -0)) return "-0";
    const isPlain = !Number.isFinite(near) || near === 0 || (Math.abs(near) >= 1e-4 && Math.abs(near) < 1e16);
    if (!isPlain) return near.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
    return String(near).replace("Infinity", "inf").replace("NaN", "nan");
  }

  /* Geometry, one axis at a time, as the specification has it. */

  const position = (axis, o, k) => o * axis.stride + k * axis.dilation - axis.before;
  const pads = (axis, i) => i >= -axis.before && i < axis.spread + axis.after;
  const modulo = (i, length) => ((i % length) + length) % length;

  function mirrored(i, length, mode) {
    if (mode === "replicate") return Math.min(Math.max(i, 0), length - 1);
    if (mode === "circular") return modulo(i, length);
    if (mode === "symmetric") {
      i = modulo(i, 2 * length);
      return Math.min(i, 2 * length - 1 - i);
    }
    i = modulo(i, Math.max(1, 2 * (length - 1)));
    return Math.min(i, 2 * (length - 1) - i);
  }

  /* The sample that a tap over position i reads; -1 over zeros and holes. */
  function sample(axis, i, mode) {
    if (!pads(axis, i) || !axis.size) return -1;
    if (i < 0 || i >= axis.spread) {
      if (mode === "zeros") return -1;
      i = mirrored(i, axis.spread, mode);
    }
    return i % axis.holes ? -1 : i / axis.holes;
  }

  const product = (sizes) => sizes.reduce((one, other) => one * other, 1);
  const range = (start, stop) => Array.from({ length: Math.max(0, stop - start) }, (_, i) => start + i);
  const flat = (at, shape) => at.reduce((index, i, a) => index * shape[a] + i, 0);
  const all = (lists) =>
    lists.reduce((found, list) => found.flatMap((lead) => list.map((one) => [...lead, one])), [[]]);

  function unflat(index, shape) {
    const at = [];
    for (const length of [...shape].reverse()) {
      at.unshift(index % length);
      index = Math.floor(index / length);
    }
    return at;
  }

  /* A case: the data with the arrays taken apart. */
  function open(text) {
    const data = { groups: 1, batch_groups: 1, mode: "zeros", p: 2, ...JSON.parse(text) };
    for (const name of ["x", "w", "bias", "expected", "got"]) {
      if (data[name]) data[name] = array(data[name]);
    }
    data.indices = data.indices?.map(array);
    data.axes = data.axes.map(([size, count, kernel, stride, dilation, before, after], a) => {
      const holes = data.holes[a];
      const spread = size ? holes * (size - 1) + 1 : 0;
      return { size, count, kernel, stride, dilation, before, after, holes, spread };
    });
    data.kernel = data.axes.map((axis) => axis.kernel);
    data.taps = product(data.kernel);
    data.isSpread = data.op === "conv_transpose";
    data.isPool = data.op.endsWith("_pool");
    data.isLargest = data.op === "max_pool" || (data.op === "lp_pool" && data.p === "inf");
    data.isWhole = !(data.dtype in FORMATS);
    const [, C] = data.x.shape;
    data.M = data.expected.shape[1];
    data.depth = { conv: data.w?.shape[1], conv1x1: C, conv_transpose: C / data.groups }[data.op] ?? 1;
    data.wrong = new Set(data.wrong);
    data.spans = data.axes.map((axis) => {
      if (data.isSpread) return range(0, axis.count);
      const last = axis.count ? position(axis, axis.count - 1, axis.kernel - 1) : 0;
      const stop = Math.max(axis.spread, axis.spread + axis.after, last + 1);
      return range(Math.min(0, -axis.before), stop);
    });
    return data;
  }

  const array = ([shape, words]) => ({ shape, words: words ? words.split(" ") : [] });

  function wordAt(held, at) {
    const inside = at.length === held.shape.length && at.every((i, a) => i < held.shape[a]);
    return inside ? held.words[flat(at, held.shape)] : undefined;
  }

  function firstChannel(data, m) {
    if (data.op === "depthwise_conv") return Math.floor(m / data.w.shape[1]);
    if (data.isPool) return m;
    return Math.floor(m / (data.M / data.groups)) * data.depth;
  }

  const item = (data, [n, m]) =>
    n + Math.floor(m / (data.M / data.batch_groups)) * (data.x.shape[0] / data.batch_groups);

  /* The flat position of the weight that channel c of the depth meets at tap k. */
  function weight(data, m, c, k) {
    if (!data.w) return -1;
    if (data.op === "distance_pool") return k;
    if (data.flip) k = data.taps - 1 - k;
    if (data.isSpread) {
      const width = data.w.shape[1];
      const row = Math.floor(m / width) * data.depth + c;
      return (row * width + (m % width)) * data.taps + k;
    }
    return (m * data.depth + c) * data.taps + k;
  }

  /* The taps of an output: place in the input, sample, weight, and kind: t over a sample, q over
     padding or a hole, v past the padded input. */
  function readsOf(data, at) {
    const [, m, ...o] = at;
    const n = item(data, at);
    const first = firstChannel(data, m);
    const window = data.isSpread ? touching(data, o) : under(data, o);
    const reads = [];
    for (let c = 0; c < data.depth; c++) {
      for (const { k, place, read, kind } of window) {
        const x = kind === "t" ? flat([n, first + c, ...read], data.x.shape) : -1;
        reads.push({ place, kind, x, w: weight(data, m, c, k) });
      }
    }
    return reads;
  }

  function under(data, o) {
    return all(data.kernel.map((kernel) => range(0, kernel))).map((ks) => {
      const place = data.axes.map((axis, a) => position(axis, o[a], ks[a]));
      const read = data.axes.map((axis, a) => sample(axis, place[a], data.mode));
      let kind = "t";
      if (read.includes(-1)) kind = data.axes.every((axis, a) => pads(axis, place[a])) ? "q" : "v";
      return { k: flat(ks, data.kernel), place, read, kind };
    });
  }

  /* Of a transposed convolution: the windows, which are input elements, that touch output j. */
  function touching(data, j) {
    const along = data.axes.map((axis, a) =>
      all([range(0, axis.count), range(0, axis.kernel)]).filter(
        ([o, k]) => position(axis, o, k) === j[a],
      ),
    );
    return all(along).map((pairs) => {
      const place = pairs.map(([o]) => o);
      return { k: flat(pairs.map(([, k]) => k), data.kernel), place, read: place, kind: "t" };
    });
  }

  /* What is made of the taps. */

  function termsOf(data, at, reads) {
    const takesPadding = !data.isPool || (data.op === "distance_pool" && data.count_include_pad);
    const terms = reads
      .filter((one) => one.kind === "t" || (one.kind === "q" && takesPadding))
      .map((one) => ({ reads: label(data, one), ...value(data, one) }));
    if (data.bias) {
      const told = data.bias.words[at[1]];
      terms.push({ reads: `bias[${at[1]}]`, told, value: element(told, data.dtype), isBias: true });
    }
    let total = lift(data.isLargest ? -Infinity : 0);
    for (const term of terms) {
      total = data.isLargest ? larger(total, term.value) : add(total, term.value);
      term.running = total;
    }
    return terms;
  }

  function label(data, one) {
    if (one.x >= 0) return `x[${unflat(one.x, data.x.shape).join(", ")}]`;
    const inside = data.axes.every((axis, a) => one.place[a] >= 0 && one.place[a] < axis.spread);
    return inside ? "hole" : "padding";
  }

  function value(data, one) {
    const told = one.x >= 0 ? data.x.words[one.x] : "0";
    const read = element(told, data.dtype);
    if (data.op === "lp_pool") {
      const p = data.p === "inf" ? 1 : data.p;
      let power = size(read);
      for (let i = 1; i < p; i++) power = multiply(power, size(read));
      return { told: p > 1 ? `|${told}|^${p}` : `|${told}|`, value: power };
    }
    if (one.w < 0) return { told, value: read };
    const weighted = data.w.words[one.w];
    return { told: `${told} * ${weighted}`, value: multiply(read, element(weighted, data.dtype)) };
  }

  /* The sum as a formula, and what it makes: "(3 + 4) / 2". The expected word is the oracle's. */
  function formula(data, reads, terms) {
    if (!terms.length) return "no sample";
    const words = terms.slice(0, MOST_TOLD).map((one) => (one.isBias ? `bias ${one.told}` : one.told));
    if (terms.length > MOST_TOLD) words.push(`... ${terms.length - MOST_TOLD} more`);
    if (data.isLargest) return `max(${words.join(", ")})`;
    const sum = words.join(" + ");
    if (data.op === "lp_pool") return data.p === 1 ? sum : `(${sum})^(1/${data.p})`;
    if (data.op === "avg_pool" || data.op === "distance_pool") return `(${sum}) / ${divisor(data, reads)}`;
    return sum;
  }

  function divisor(data, reads) {
    const counted = reads.filter((one) => one.kind === "t" || (one.kind === "q" && data.count_include_pad));
    if (data.op === "avg_pool") return String(counted.length);
    const weights = counted.map((one) => element(data.w.words[one.w], data.dtype));
    return shown(weights.reduce(add, lift(0)), false);
  }

  function sentence(data, at, reads, terms) {
    const expected = wordAt(data.expected, at);
    let text = `output [${at.join(", ")}]: ${formula(data, reads, terms)} = `;
    const total = !data.isPool && terms.length ? shown(terms.at(-1).running, data.isWhole) : expected;
    text += total === expected ? expected : `${total}, as ${data.out} ${expected}`;
    if (data.got) text += `, got ${wordAt(data.got, at) ?? "no such element"}`;
    if (data.indices) {
      const [due, given] = data.indices.map((held) => wordAt(held, at));
      text += `; index ${due}, got ${given ?? "none"}`;
    }
    return text;
  }

  /* Drawing. */

  function make(name, properties = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, one] of Object.entries(properties)) {
      if (key in node) node[key] = one;
      else node.setAttribute(key, one);
    }
    node.append(...children);
    return node;
  }

  function sheet(text, rows) {
    const table = make("table", {}, make("caption", { textContent: text }));
    const body = make("tbody");
    for (const row of rows) body.append(make("tr", {}, ...row.map((cell) => make("td", cell))));
    table.append(body);
    return table;
  }

  const named = (name, channels, lead) =>
    (channels.length ? `${name}[${channels.join(", ")}]` : name) + (lead.length ? ` d=${lead[0]}` : "");

  /* Cut a grid of some rank into slices of rows; `cell` gives one for each position. */
  function slices(spans, cell) {
    const padded = spans.length < 2 ? [[0], ...spans] : spans;
    const [rows, columns] = padded.slice(-2);
    return all(padded.slice(0, -2)).map((lead) => ({
      lead,
      rows: rows.map((row) =>
        columns.map((column) => cell([...lead, row, column].slice(-spans.length))),
      ),
    }));
  }

  function inputs(data, at, reads) {
    const first = firstChannel(data, at[1]);
    const n = item(data, at);
    const tapped = new Set(reads.map((one) => one.place.join()));
    return range(first, first + data.depth).flatMap((c) =>
      slices(data.spans, (place) => {
        const [kind, textContent] = lies(data, [n, c], place);
        return { className: tapped.has(place.join()) ? TAPPED[kind] : kind, textContent };
      }).map(({ lead, rows }) => sheet(named("x", [n, c], lead), rows)),
    );
  }

  /* What lies at a place of the drawing: its kind and its word. */
  function lies(data, lead, place) {
    if (data.isSpread) return ["", data.x.words[flat([...lead, ...place], data.x.shape)]];
    const read = data.axes.map((axis, a) => sample(axis, place[a], data.mode));
    if (read.includes(-1)) {
      const isPadding = data.axes.every((axis, a) => pads(axis, place[a]));
      return isPadding ? ["p", data.op.endsWith("conv") ? "0" : ""] : ["x", ""];
    }
    const inside = data.axes.every((axis, a) => place[a] >= 0 && place[a] < axis.spread);
    return [inside ? "" : "p", data.x.words[flat([...lead, ...read], data.x.shape)]];
  }

  function weights(data, at, reads) {
    const m = at[1];
    const used = new Set(data.isSpread ? reads.map((one) => one.w) : []);
    const width = data.w.shape[1];
    return range(0, data.depth).flatMap((c) => {
      let channels = [m, c];
      if (data.op === "distance_pool") channels = [];
      else if (data.op === "depthwise_conv") channels = [Math.floor(m / width), m % width];
      else if (data.isSpread) channels = [firstChannel(data, m) + c, m % width];
      const start = weight(data, m, c, data.flip ? data.taps - 1 : 0);
      return slices(data.kernel.map((kernel) => range(0, kernel)), (ks) => {
        const k = start + flat(ks, data.kernel);
        return { className: used.has(k) ? "t" : "", textContent: data.w.words[k] };
      }).map(({ lead, rows }) => sheet(named("w", channels, lead), rows));
    });
  }

  function outputs(data, held, at, pick) {
    const [n, m, ...o] = at;
    const [N, M, ...spatial] = held.shape;
    if (held.shape.length !== at.length || n >= N || m >= M || !product(spatial)) {
      return [sheet(`of shape ${held.shape.join("x") || "scalar"}`, [])];
    }
    const isSame = held.shape.join() === data.expected.shape.join();
    return slices(spatial.map((length) => range(0, length)), (place) => {
      const index = flat([n, m, ...place], held.shape);
      const kind = isSame && data.wrong.has(index) ? "w" : "";
      const className = place.join() === o.join() ? CHOSEN[kind] : kind;
      const onclick = isSame ? () => pick(index) : null;
      return { className, textContent: held.words[index], onclick };
    }).map(({ lead, rows }) => sheet(named("y", [n, m], lead), rows));
  }

  function board(title, sheets) {
    return make("figure", {}, make("figcaption", { textContent: title }), ...sheets);
  }

  function termTable(data, terms) {
    const words = ["reads", "term", data.isLargest ? "maximum" : "sum"];
    const head = make("tr", {}, ...words.map((textContent) => make("th", { scope: "col", textContent })));
    const body = make("tbody");
    for (const one of terms) {
      const made = shown(one.value, data.isWhole);
      const told = one.told === made ? made : `${one.told} = ${made}`;
      const cells = [one.reads, told, shown(one.running, data.isWhole)];
      body.append(make("tr", {}, ...cells.map((textContent) => make("td", { textContent }))));
    }
    return make("table", {}, make("thead", {}, head), body);
  }

  /* One player: its state is the flat output position that is shown. */
  function play(root) {
    const data = open(root.querySelector("script").textContent);
    const last = data.expected.words.length - 1;
    const wrong = [...data.wrong].sort((one, other) => one - other);
    const [boards, said, list] = [".boards", ".said", ".terms"].map((name) => root.querySelector(name));
    const motion = matchMedia("(prefers-reduced-motion: reduce)");
    let shownAt = data.at;
    let timer = 0;

    const slider = make("input", { type: "range", min: 0, max: last, "aria-label": "output position" });
    const button = (textContent, name, onclick) =>
      make("button", { type: "button", textContent, "aria-label": name, title: name, onclick });
    const step = (by) => go(Math.min(last, Math.max(0, shownAt + by)));
    const playing = button("play", "play", () => (timer ? stop() : start()));
    const buttons = [
      button("|<", "first output", () => go(0)),
      button("<", "previous output", () => step(-1)),
      button(">", "next output", () => step(1)),
      button(">|", "last output", () => go(last)),
      playing,
    ];
    if (wrong.length) {
      const next = () => go(wrong.find((one) => one > shownAt) ?? wrong[0]);
      buttons.push(button("next \u2260", "next differing output", next));
    }

    function draw() {
      const at = unflat(shownAt, data.expected.shape);
      const reads = readsOf(data, at);
      const terms = termsOf(data, at, reads);
      const parts = [board("input", inputs(data, at, reads))];
      if (data.w) parts.push(board("weights", weights(data, at, reads)));
      parts.push(board("expected", outputs(data, data.expected, at, go)));
      if (data.got) parts.push(board("got", outputs(data, data.got, at, go)));
      boards.replaceChildren(...parts);
      list.replaceChildren(termTable(data, terms));
      said.textContent = sentence(data, at, reads, terms);
      slider.value = shownAt;
      slider.setAttribute("aria-valuetext", `output [${at.join(", ")}], ${shownAt + 1} of ${last + 1}`);
      root.dataset.at = shownAt;
    }

    function go(to) {
      stop();
      shownAt = to;
      draw();
    }

    function start() {
      if (motion.matches) return;
      said.setAttribute("aria-live", "off"); // a sentence each second is no help
      playing.textContent = "stop";
      playing.setAttribute("aria-label", "stop");
      timer = setInterval(() => {
        shownAt = shownAt === last ? 0 : shownAt + 1;
        draw();
      }, STEP_MILLISECONDS);
    }

    function stop() {
      clearInterval(timer);
      timer = 0;
      said.setAttribute("aria-live", "polite");
      playing.textContent = "play";
      playing.setAttribute("aria-label", "play");
    }

    const heed = () => {
      if (motion.matches) stop();
      playing.hidden = motion.matches || last === 0;
    };
    motion.addEventListener("change", heed);
    document.addEventListener("visibilitychange", () => document.hidden && stop());
    slider.addEventListener("input", () => go(Number(slider.value)));
    const row = data.expected.shape.length > 3 ? data.expected.shape.at(-1) : 1;
    const keys = {
      ArrowRight: () => step(1), ArrowLeft: () => step(-1), ArrowDown: () => step(row),
      ArrowUp: () => step(-row), Home: () => go(0), End: () => go(last),
    };
    root.addEventListener("keydown", (event) => {
      const isElsewhere = event.target === slider || list.contains(event.target);
      if (isElsewhere || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
      if (!(event.key in keys)) return;
      event.preventDefault();
      keys[event.key]();
    });
    boards.tabIndex = 0;
    boards.setAttribute("role", "group");
    boards.setAttribute("aria-label", "the window; arrow keys step through the output");
    boards.before(make("div", { className: "controls" }, ...buttons, slider));
    heed();
    stop();
    draw();
    root.classList.add("ready");
  }

  /* A page may hold thousands: each starts when it comes near. */
  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      play(target);
    }
  }, { rootMargin: "600px" });
  for (const root of document.querySelectorAll(".player")) watcher.observe(root);
}
