"use strict";
// The map of `qirat explore`. Words of the data are only ever set as text; a row is shown in a frame without script.
(async function () {
  const $ = (id) => document.getElementById(id);
  const canvas = $("map"), pen = canvas.getContext("2d");
  const ask = async (path) => {
    try {
      const got = await fetch(path);
      if (got.ok) return got.json();
    } catch { /* said below */ }
    $("status").textContent = words.failed || "qirat explore";
    return null;
  };
  let words = {};
  const data = await ask("map.json");
  if (!data) return;
  words = data.words;
  const { x, y, rows, facets } = data, total = rows.length;
  const COLORS = 10, SHOWN = 12, MOST = 500;
  const chosen = facets.map(() => new Set());  // places of values that are ticked
  let found = null, sight = new Uint8Array(total).fill(1), colored = 0, at = -1, asked = 0;
  let counts = [], ranks = new Map();  // rows by value of each facet; the colors of values
  const whole = new Set(), number = (n) => n.toLocaleString("en");  // facets whose list is shown in full
  let view = { x: 5000, y: 5000, scale: 1 };  // what stands in the middle, and pixels a unit
  const bottom = y.reduce((low, each) => Math.max(low, each), 10000);

  // ---- what is in sight ----
  function passes(f) {
    const { sets } = facets[f], picked = chosen[f];
    return sets.map((set) => !picked.size || (set.length ? set : [-1]).some((value) => picked.has(value)));
  }
  // `busy`: the facet that somebody is ticking in, whose list stays as it is.
  function filter(busy = -1) {
    const pass = facets.map((_, f) => passes(f));
    counts = facets.map(() => new Map());
    const first = new Map();
    let left = 0;
    for (let row = 0; row < total; row++) {
      let failed = 0, last = -1;
      if (found && !found.has(row)) failed = 2;
      for (let f = 0; f < facets.length && failed < 2; f++) if (!pass[f][facets[f].of[row]]) { failed++; last = f; }
      sight[row] = failed ? 0 : 1;
      if (!failed) {
        const value = facets[colored].sets[facets[colored].of[row]][0];
        first.set(value, (first.get(value) || 0) + 1);
        left++;
      }
      if (failed > 1) continue;
      // A value's number is what ticking it would leave: rows that only its own facet keeps out count there.
      for (let f = 0; f < facets.length; f++) {
        if (failed && f !== last) continue;
        const set = facets[f].sets[facets[f].of[row]];
        for (const value of set.length ? set : [-1]) counts[f].set(value, (counts[f].get(value) || 0) + 1);
      }
    }
    $("status").textContent = words.shown.replace("{n}", number(left)).replace("{total}", number(total));
    rank(first);
    facets.forEach((_, f) => f !== busy && list(f));
    numbers();
    remember();
    draw();
  }
  // Colors are fixed where they are enough; else they go to the most frequent values in sight.
  function rank(first) {
    const places = facets[colored].values.map((_, value) => value);
    if (places.length > COLORS) places.sort((a, b) => (first.get(b) || 0) - (first.get(a) || 0) || a - b);
    ranks = new Map(places.slice(0, COLORS).map((value, rank) => [value, rank]));
  }

  // ---- filters ----
  function color(value) {
    const style = getComputedStyle(document.documentElement);
    return style.getPropertyValue(ranks.has(value) ? `--c${ranks.get(value)}` : "--others").trim();
  }
  function element(name, parent, text) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  }
  function line(ul, f, value) {
    const item = element("li", ul), swatch = element("span", item), label = element("label", item);
    const box = element("input", label);
    box.type = "checkbox";
    box.checked = chosen[f].has(value);
    box.addEventListener("change", () => { box.checked ? chosen[f].add(value) : chosen[f].delete(value); filter(f); });
    swatch.className = "swatch";
    label.append(" ");
    element("bdi", label, value < 0 ? words.none : facets[f].values[value].title).dir = "auto";
    label.title = value < 0 ? "" : facets[f].values[value].name;
    const count = element("span", item);
    count.className = "count";
    item.dataset.facet = f;
    item.dataset.value = value;
  }
  function numbers() {
    document.querySelectorAll("#facets li").forEach((item) => {
      const f = Number(item.dataset.facet), value = Number(item.dataset.value);
      item.lastChild.textContent = number(counts[f].get(value) || 0);
      item.firstChild.hidden = f !== colored;
      item.firstChild.style.background = color(value);
    });
  }
  // The values that most rows have which ticking would leave; months in their order.
  function list(f) {
    const holder = $("facets").children[f].lastChild, places = facets[f].values.map((_, value) => value);
    if (facets[f].sets.some((set) => !set.length)) places.push(-1);
    const inOrder = facets[f].name === "month";
    if (!inOrder) places.sort((a, b) => (counts[f].get(b) || 0) - (counts[f].get(a) || 0) || a - b);
    const shown = places.slice(0, inOrder || whole.has(f) ? MOST : SHOWN), ul = document.createElement("ul");
    [...shown, ...[...chosen[f]].filter((value) => !shown.includes(value))].forEach((value) => line(ul, f, value));
    holder.replaceChildren(ul);
    if (places.length <= shown.length || whole.has(f)) return;
    const more = element("button", holder, words.more.replace("{n}", number(places.length)));
    more.type = "button";
    more.addEventListener("click", () => { whole.add(f); list(f); numbers(); ul.isConnected || holder.querySelector("input").focus(); });
  }
  function folds() {
    facets.forEach((facet, f) => {
      const fold = element("details", $("facets"));
      fold.hidden = !facet.values.length;
      fold.open = f === colored || chosen[f].size > 0;
      element("summary", fold, facet.title);
      element("div", fold);
    });
  }

  // ---- the map ----
  let wide = 0, high = 0;  // of the map on the screen; asking the canvas for each row takes a second
  const measure = () => { wide = canvas.clientWidth; high = canvas.clientHeight; };
  const across = (row) => (x[row] - view.x) * view.scale + wide / 2;
  const down = (row) => (y[row] - view.y) * view.scale + high / 2;
  function all() {
    measure();
    view = { x: 5000, y: bottom / 2, scale: 0.94 * Math.min(wide / 10000, high / bottom) };
  }
  let waiting = 0;
  function draw() {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(paint);
  }
  // #rrggbb as a pixel, whose bytes are red, green, blue and opacity.
  function pixel(hex) {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return new Uint32Array(new Uint8Array([red, green, blue, 255]).buffer)[0];
  }
  function paint() {
    const ratio = window.devicePixelRatio || 1, style = getComputedStyle(document.documentElement);
    measure();
    const width = canvas.width = Math.round(wide * ratio), height = canvas.height = Math.round(high * ratio);
    if (!width || !height) return;
    const size = Math.min(9, Math.max(2, 60 * view.scale, 3 - total / 50000)), side = Math.round(size * ratio);
    const facet = facets[colored], ink = (name) => pixel(style.getPropertyValue(name).trim());
    const inks = [ink("--faint"), ink("--others"), ...Array.from({ length: COLORS }, (_, n) => ink(`--c${n}`))];
    const layers = inks.map(() => []);  // out of sight, others, then each color
    for (let row = 0; row < total; row++) {
      const first = facet.sets[facet.of[row]][0];
      layers[!sight[row] ? 0 : ranks.has(first) ? ranks.get(first) + 2 : 1].push(row);
    }
    // Straight into pixels: a hundred thousand calls of fillRect take a second where no card draws them.
    const image = pen.createImageData(width, height), pixels = new Uint32Array(image.data.buffer);
    layers.forEach((layer, n) => {
      for (const row of layer) {
        const left = Math.round(across(row) * ratio - side / 2), top = Math.round(down(row) * ratio - side / 2);
        const from = Math.max(0, left), to = Math.min(width, left + side), end = Math.min(height, top + side);
        for (let line = Math.max(0, top); line < end; line++) {
          for (let at = line * width + from; at < line * width + to; at++) pixels[at] = inks[n];
        }
      }
    });
    pen.putImageData(image, 0, 0);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = pen.strokeStyle = style.getPropertyValue("--ink").trim();
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "center";
    if (bottom > 10000) pen.fillText(words.lost, wide / 2, (10300 - view.y) * view.scale + high / 2);
    if (at >= 0) {
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(across(at), down(at), size / 2 + 5, 0, 7);
      pen.stroke();
    }
  }
  function nearest(left, top) {
    let best = -1, least = 14 ** 2;
    for (let row = 0; row < total; row++) {
      if (!sight[row]) continue;
      const apart = (across(row) - left) ** 2 + (down(row) - top) ** 2;
      if (apart < least) [best, least] = [row, apart];
    }
    return best;
  }
  function zoom(by, left = wide / 2, top = high / 2) {
    const away = [left - wide / 2, top - high / 2];
    const scale = Math.min(20, Math.max(0.005, view.scale * by));
    view.x += away[0] / view.scale - away[0] / scale;
    view.y += away[1] / view.scale - away[1] / scale;
    view.scale = scale;
    draw();
  }
  function move(right, below) {
    view.x += right / view.scale;
    view.y += below / view.scale;
    draw();
  }

  // ---- the row ----
  const quoted = (id) => (/^[\w@%+=:,./-]+$/.test(id) ? id : `'${id.replaceAll("'", `'"'"'`)}'`);
  function show(row) {
    at = row;
    $("open").hidden = row < 0;
    $("nothing").hidden = row >= 0;
    if (row >= 0) {
      $("why").textContent = `qirat why ${quoted(rows[row])}`;
      $("copy").textContent = words.copy;
      $("told").contentWindow.location.replace(new URL(`row/${row}`, location.href));
      const [left, top] = [across(row), down(row)];
      if (left < 0 || top < 0 || left > wide || top > high) [view.x, view.y] = [x[row], y[row]];
    }
    remember();
    draw();
  }
  function walk(by) {
    for (let step = 1; step <= total; step++) {
      const row = (((at < 0 && by < 0 ? 0 : at) + by * step) % total + total) % total;
      if (sight[row]) return show(row);
    }
  }
  async function search() {
    const said = $("words").value.trim(), turn = ++asked;
    const numbers = said ? await ask(`found.json?words=${encodeURIComponent(said)}`) : null;
    if (turn !== asked || (said && !numbers)) return;
    found = numbers && new Set(numbers);
    filter();
  }

  // ---- the address remembers what was chosen, so that the other language shows the same ----
  function remember() {
    const kept = { color: facets[colored].name, words: $("words").value, row: at < 0 ? "" : rows[at] };
    facets.forEach((facet, f) => {
      if (chosen[f].size) kept[`only.${facet.name}`] = JSON.stringify([...chosen[f]].map((value) => (value < 0 ? null : facet.values[value].name)));
    });
    const hash = `#${new URLSearchParams(Object.entries(kept).filter(([, value]) => value))}`;
    history.replaceState(null, "", hash);
    document.querySelectorAll("nav.languages a").forEach((link) => { link.href = link.href.split("#")[0] + hash; });
  }
  function recall() {
    const kept = new URLSearchParams(location.hash.slice(1));
    facets.forEach((facet, f) => {
      if (kept.get("color") === facet.name) colored = f;
      let names = [];
      try { names = JSON.parse(kept.get(`only.${facet.name}`) || "[]"); } catch { /* not of ours */ }
      for (const name of names) {
        const value = name === null ? -1 : facet.values.findIndex((each) => each.name === name);
        if (name === null || value >= 0) chosen[f].add(value);
      }
    });
    $("words").value = kept.get("words") || "";
    return rows.indexOf(kept.get("row") || "");
  }

  // ---- hands ----
  let held = null;
  canvas.addEventListener("pointerdown", (event) => {
    held = { x: event.offsetX, y: event.offsetY, far: 0 };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [right, below] = [held.x - event.offsetX, held.y - event.offsetY];
    held = { x: event.offsetX, y: event.offsetY, far: held.far + Math.abs(right) + Math.abs(below) };
    if (held.far > 4) move(right, below);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (held && held.far <= 4) show(nearest(event.offsetX, event.offsetY));
    held = null;
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
  }, { passive: false });
  const onMap = {
    ArrowLeft: () => move(-60, 0), ArrowRight: () => move(60, 0), ArrowUp: () => move(0, -60), ArrowDown: () => move(0, 60),
    "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: () => { all(); draw(); },
  };
  const anywhere = {
    KeyN: () => walk(1), KeyP: () => walk(-1), Slash: () => $("words").focus(), Escape: () => { show(-1); canvas.focus(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.target.matches("input[type=search], select") && event.key !== "Escape")) return;
    // By place on the keyboard too, since an Arabic layout has no N.
    const act = (document.activeElement === canvas && onMap[event.key]) || anywhere[event.code];
    if (!act) return;
    event.preventDefault();
    act();
  });
  $("search").addEventListener("submit", (event) => { event.preventDefault(); search(); });
  $("words").addEventListener("search", search);
  $("color").addEventListener("change", () => {
    colored = facets.findIndex((facet) => facet.name === $("color").value);
    $("facets").children[colored].open = true;
    filter();
  });
  $("clear").addEventListener("click", () => {
    chosen.forEach((set) => set.clear());
    $("words").value = "";
    found = null;
    filter();
  });
  $("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText($("why").textContent);
      $("copy").textContent = words.copied;
    } catch {
      getSelection().selectAllChildren($("why"));
    }
  });
  $("next").addEventListener("click", () => walk(1));
  $("previous").addEventListener("click", () => walk(-1));
  $("close").addEventListener("click", () => show(-1));
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { numbers(); draw(); });

  const first = recall();
  facets.filter((facet) => facet.values.length).forEach((facet) => {
    element("option", $("color"), facet.title).value = facet.name;
  });
  $("color").value = facets[colored].name;
  folds();
  all();
  filter();
  if ($("words").value) await search();
  if (first >= 0) show(first);
})();
