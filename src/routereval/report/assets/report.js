"use strict";
(() => {
  const DATA = JSON.parse(document.getElementById("data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const byId = (id) => document.getElementById(id);

  // ---------------------------------------------------------------- small pieces

  /** An element; strings become text, never markup. */
  function el(name, attributes, ...inside) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...inside.filter((one) => one !== null));
    return made;
  }

  function svg(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  const option = (value, text) => el("option", { value }, text);
  const brief = (text) => (text.length <= 26 ? "short" : "");
  const percent = (share) => `${Math.round(100 * share)} %`;

  /** Three digits that tell, with commas. */
  function amount(value) {
    if (value === null || !Number.isFinite(value)) return "–";
    if (value === 0) return "0";
    const places = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(value)))));
    return value.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
  }

  function fixed(value, digits) {
    return value === null || !Number.isFinite(value) ? "–" : value.toFixed(digits);
  }

  /** How wide a label is about, in pixels; CJK characters are twice as wide as others. */
  function widthOf(text) {
    let width = 0;
    for (const char of text) width += char.codePointAt(0) > 0x2e7f ? 12 : 7;
    return width;
  }

  function shortened(text, most) {
    if (widthOf(text) <= most) return text;
    let kept = "";
    for (const char of text) {
      if (widthOf(kept + char) > most - 8) break;
      kept += char;
    }
    return `${kept}…`;
  }

  // ---------------------------------------------------------------- theme and views

  byId("theme").addEventListener("change", (event) => {
    const chosen = event.target.value;
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
  });

  function showView(place) {
    for (const one of document.querySelectorAll(".view")) one.hidden = one.dataset.view !== place;
    if (byId("pool") && DATA.pools.length) choosePoolOf(Number(place));
  }

  function volume() {
    const field = byId("volume");
    const held = field ? Number(field.value) : 1e6;
    return Number.isFinite(held) && held >= 0 ? held : 0;
  }

  function showMonths() {
    for (const one of document.querySelectorAll("[data-month]")) {
      one.textContent = amount(Number(one.dataset.month) * volume());
    }
    for (const one of document.querySelectorAll("[data-volume]")) {
      one.textContent = volume().toLocaleString("en-US");
    }
  }

  // ---------------------------------------------------------------- trade-off

  const trade = { pool: null, router: null, point: 0, prices: [] };

  function choosePoolOf(view) {
    const [protocol, size] = DATA.view[view];
    let best = -1;
    DATA.pools.forEach((pool, place) => {
      const fits = pool.protocol === protocol && pool.size === size;
      if (fits && (best < 0 || pool.n > DATA.pools[best].n)) best = place;
    });
    if (best < 0) return;
    byId("pool").value = best;
    usePool(best);
  }

  function usePool(place) {
    const pool = DATA.pools[place];
    trade.pool = pool;
    trade.prices = pool.cost.slice();
    byId("router").replaceChildren(...pool.routers.map((one, n) => option(n, one.name)));
    const order = pool.models.map((_, n) => n).sort((a, b) => pool.score[b] - pool.score[a]);
    byId("floor").replaceChildren(
      ...order.map((n) => option(n, `${pool.models[n]} (${fixed(pool.score[n], 3)})`)),
      option("none", "none"),
    );
    byId("floor").value = pool.best;
    useRouter(0);
  }

  function useRouter(place) {
    trade.router = trade.pool.routers[place] || null;
    const slider = byId("slider");
    slider.max = trade.router ? trade.router.lam.length - 1 : 0;
    slider.disabled = !trade.router || trade.router.lam.length < 2;
    trade.point = cheapestAsGood();
    slider.value = trade.point;
    drawTrade();
  }

  /** The cheapest point that scores as the floor does; the best one where none does. */
  function cheapestAsGood() {
    const held = trade.router;
    if (!held) return 0;
    const floor = floorScore();
    const found = floor === null ? -1 : held.score.findIndex((score) => score >= floor - 1e-9);
    return found >= 0 ? found : held.lam.length - 1;
  }

  function floorScore() {
    const held = byId("floor").value;
    return held === "none" ? null : trade.pool.score[Number(held)];
  }

  const ratio = (n) => (trade.pool.cost[n] > 0 ? trade.prices[n] / trade.pool.cost[n] : 1);

  /** What a point costs at the prices of the page. */
  function costOf(router, point) {
    if (!router.spent) return router.cost[point];
    return Object.entries(router.spent[point]).reduce((sum, [n, usd]) => sum + usd * ratio(n), 0);
  }

  const unitWords = () =>
    trade.pool.unit === "USD" ? "USD per 1,000 prompts" : `${trade.pool.unit}, per 1,000 prompts`;

  function drawTrade() {
    drawShares();
    drawPlane();
    sayPoint();
  }

  function sayPoint() {
    const { pool, router, point } = trade;
    const place = byId("point");
    if (!router) {
      place.textContent = "No learned router has a curve on this pool.";
      return;
    }
    const cost = costOf(router, point);
    const ends = `[${fixed(router.low[point], 3)}, ${fixed(router.high[point], 3)}]`;
    let text = `${router.name} scores ${fixed(router.score[point], 3)} ${ends} on ${pool.n.toLocaleString("en-US")} prompts at ${amount(cost)} ${unitWords()}`;
    if (pool.unit === "USD") text += `, ${amount((cost / 1000) * volume())} USD per month`;
    const floor = byId("floor").value;
    if (floor !== "none") {
      const model = Number(floor);
      const gap = router.score[point] - pool.score[model];
      const saved = trade.prices[model] > 0 ? 1 - cost / trade.prices[model] : NaN;
      const word = gap >= -1e-9 ? "as good as" : `${fixed(-gap, 3)} below`;
      text += `; ${word} ${pool.models[model]}`;
      if (Number.isFinite(saved)) text += ` at ${saved >= 0 ? "−" : "+"}${percent(Math.abs(saved))} cost`;
    }
    const lam = router.lam[point];
    text += `. λ = ${lam === null ? "∞" : amount(lam)}, score per ${pool.unit === "USD" ? "USD per 1,000 prompts" : "1,000 units of cost"}.`;
    place.textContent = text;
    byId("slider").setAttribute("aria-valuetext", `score ${fixed(router.score[point], 3)}, cost ${amount(cost)}`);
  }

  function drawShares() {
    const { pool, router, point } = trade;
    const sent = router && router.sent ? router.sent[point] : null;
    const order = pool.models.map((_, n) => n).sort((a, b) => (sent ? (sent[b] || 0) - (sent[a] || 0) : 0) || pool.score[b] - pool.score[a]);
    const rows = order.map((n) => {
      const share = sent ? sent[n] || 0 : null;
      const bar = el("span", { class: "bar" });
      bar.style.width = `${100 * (share || 0)}%`;
      const price = el("input", { type: "number", min: 0, step: "any", value: Number(trade.prices[n].toPrecision(4)), "aria-label": `price of ${pool.models[n]}` });
      price.addEventListener("change", () => {
        const held = Number(price.value);
        if (Number.isFinite(held) && held >= 0) trade.prices[n] = held;
        drawPlane();
        sayPoint();
      });
      return el("tr", {}, el("th", { scope: "row" }, el("bdi", {}, pool.models[n])), el("td", { class: "bar-cell" }, bar), el("td", {}, share === null ? "–" : percent(share)), el("td", {}, price));
    });
    const head = el("tr", {}, ...["model", "share of prompts", "%", pool.unit === "USD" ? "USD/1k calls" : "cost/1k"].map((text) => el("th", { scope: "col" }, text)));
    byId("shares").replaceChildren(el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)));
  }

  /** Ticks at 1, 2 or 5 times a power of ten. */
  function ticksOf(low, high, most) {
    const raw = (high - low) / most || 1;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw - 1e-12);
    const found = [];
    for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step) found.push(tick);
    return { found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
  }

  function drawPlane() {
    const { pool, router, point } = trade;
    const W = byId("plane").clientWidth > 0 ? Math.max(300, Math.min(680, byId("plane").clientWidth)) : 600;
    const H = Math.round(Math.min(400, Math.max(260, W * 0.6)));
    const [left, right, top, bottom] = [46, 12, 24, 40];
    const costs = router ? router.lam.map((_, n) => costOf(router, n)) : [];
    const scores = [...pool.low, ...pool.high, ...(router ? [...router.low, ...router.high] : [])];
    const most = Math.max(...trade.prices, ...costs, 1e-12);
    const least = Math.min(...[...trade.prices, ...costs].filter((one) => one > 0), most);
    const log = most / least > 30;
    const x0 = log ? least / 1.3 : 0;
    const x1 = log ? most * 1.6 : most * 1.12;
    let [y0, y1] = [Math.min(...scores), Math.max(...scores)];
    const room = (y1 - y0 || 0.1) * 0.06;
    [y0, y1] = [Math.max(0, y0 - room), Math.min(1.001, y1 + room)];
    const at = (value) => (log ? Math.log(Math.max(value, x0) / x0) / Math.log(x1 / x0) : (value - x0) / (x1 - x0));
    const X = (value) => left + (W - left - right) * at(value);
    const Y = (value) => H - bottom - (H - top - bottom) * ((value - y0) / (y1 - y0));
    const words = `Cost and score of the models and of ${router ? router.name : "no router"} on ${pool.name}`;
    const plot = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": words });
    const ys = ticksOf(y0, y1, 5);
    for (const tick of ys.found) {
      plot.append(svg("line", { class: "gridline", x1: left, x2: W - right, y1: Y(tick), y2: Y(tick) }));
      plot.append(svg("text", { class: "tick", x: left - 6, y: Y(tick) + 4, "text-anchor": "end" }, tick.toFixed(ys.digits)));
    }
    const xs = log ? decades(x0, x1) : ticksOf(x0, x1, W < 420 ? 3 : 5).found;
    for (const tick of xs) {
      plot.append(svg("line", { class: "axis", x1: X(tick), x2: X(tick), y1: H - bottom, y2: H - bottom + 4 }));
      plot.append(svg("text", { class: "tick", x: X(tick), y: H - bottom + 16, "text-anchor": "middle" }, tick ? Number(tick.toPrecision(4)).toLocaleString("en-US", { maximumFractionDigits: 6 }) : "0"));
    }
    plot.append(svg("line", { class: "axis", x1: left, x2: W - right, y1: H - bottom, y2: H - bottom }));
    plot.append(svg("text", { class: "tick", x: (left + W - right) / 2, y: H - 6, "text-anchor": "middle" }, unitWords() + (log ? " (logarithmic)" : "")));
    plot.append(svg("text", { class: "tick", x: 4, y: 11 }, "mean score"));
    const floor = floorScore();
    if (floor !== null) {
      plot.append(svg("line", { class: "floor", x1: left, x2: W - right, y1: Y(floor), y2: Y(floor) }));
    }
    const taken = [];
    if (router) {
      const order = costs.map((_, n) => n).sort((a, b) => costs[a] - costs[b]);
      const upper = order.map((n) => `${X(costs[n])},${Y(router.high[n])}`);
      const lower = order.slice().reverse().map((n) => `${X(costs[n])},${Y(router.low[n])}`);
      plot.append(svg("polygon", { class: "band", points: [...upper, ...lower].join(" ") }));
      plot.append(svg("polyline", { class: "curve", points: order.map((n) => `${X(costs[n])},${Y(router.score[n])}`).join(" ") }));
      for (const n of order) plot.append(svg("circle", { class: "now", r: 3, cx: X(costs[n]), cy: Y(router.score[n]) }));
      taken.push(boxAt(X(costs[point]) - 9, Y(router.score[point]) - 9, 18, 18));
    }
    pool.models.forEach((_, n) => {
      const [x, y] = [X(trade.prices[n]), Y(pool.score[n])];
      plot.append(svg("line", { class: "whisker", x1: x, x2: x, y1: Y(pool.low[n]), y2: Y(pool.high[n]) }));
      const dot = svg("circle", { class: "model", r: 5, cx: x, cy: y });
      dot.append(svg("title", {}, `${pool.models[n]}: ${fixed(pool.score[n], 3)} [${fixed(pool.low[n], 3)}, ${fixed(pool.high[n], 3)}] at ${amount(trade.prices[n])}`));
      plot.append(dot);
      taken.push(boxAt(x - 6, y - 6, 12, 12));
    });
    if (router) {
      const now = svg("circle", { class: "now", r: 8, cx: X(costs[point]), cy: Y(router.score[point]) });
      now.append(svg("title", {}, router.name));
      plot.append(now);
    }
    const named = pool.models.map((_, n) => n).sort((a, b) => pool.score[b] - pool.score[a]);
    for (const n of named) placeLabel(plot, taken, shortened(pool.models[n], W * 0.4), X(trade.prices[n]), Y(pool.score[n]), [left, W - 2, top, H - bottom]);
    byId("plane").replaceChildren(plot);
  }

  function decades(low, high) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
      for (const one of [1, 3]) {
        const tick = one * 10 ** power;
        if (tick >= low && tick <= high) found.push(tick);
      }
    }
    return found;
  }

  const boxAt = (x, y, w, h) => [x, y, x + w, y + h];
  const overlap = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));

  /** Put a label beside its point, where it covers the least of what is there. */
  function placeLabel(plot, taken, text, x, y, [x0, x1, y0, y1]) {
    const [w, h] = [widthOf(text), 13];
    let best = null;
    for (const far of [9, 20, 34]) {
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, -1], [0, 1], [1, -1], [-1, -1], [1, 1], [-1, 1]]) {
        const cx = dx > 0 ? x + 9 : dx < 0 ? x - 9 - w : x - w / 2;
        const cy = y - h / 2 + dy * (dy ? far + 3 : 0);
        const box = boxAt(Math.min(Math.max(cx, x0), x1 - w), Math.min(Math.max(cy, y0), y1 - h), w, h);
        const moved = Math.abs(box[0] - cx) + Math.abs(box[1] - cy);
        const cost = taken.reduce((sum, one) => sum + overlap(box, one), 0) + moved * 4 + far * 0.4;
        if (best === null || cost < best.cost - 1e-9) best = { cost, box };
      }
    }
    taken.push(best.box);
    plot.append(svg("text", { class: "halo", x: best.box[0], y: best.box[1] + 10 }, text));
  }

  function beginTrade() {
    if (!byId("pool")) return;
    byId("pool").replaceChildren(...DATA.pools.map((pool, n) => option(n, pool.name)));
    byId("pool").addEventListener("change", (event) => usePool(Number(event.target.value)));
    byId("router").addEventListener("change", (event) => useRouter(Number(event.target.value)));
    byId("floor").addEventListener("change", () => {
      trade.point = cheapestAsGood();
      byId("slider").value = trade.point;
      drawTrade();
    });
    byId("slider").addEventListener("input", (event) => {
      trade.point = Number(event.target.value);
      drawTrade();
    });
    byId("volume").addEventListener("input", () => {
      showMonths();
      sayPoint();
    });
    let width = window.innerWidth;
    window.addEventListener("resize", () => {
      if (window.innerWidth !== width) drawPlane();
      width = window.innerWidth;
    });
    choosePoolOf(0);
    if (!trade.pool) usePool(0);
  }

  // ---------------------------------------------------------------- tables that are there

  function sortRows(table, column, button) {
    const head = button.closest("th");
    const down = head.getAttribute("aria-sort") !== "descending";
    for (const one of table.querySelectorAll("thead th")) one.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row, place) => {
      const cell = row.cells[column];
      const held = cell.dataset.v;
      return { row, place, number: held === undefined ? null : Number(held), text: cell.textContent };
    });
    keyed.sort((a, b) => compared(a, b, down) || a.place - b.place);
    body.append(...keyed.map((one) => one.row));
  }

  function compared(a, b, down) {
    if (a.number !== null || b.number !== null) {
      if (a.number === null) return 1;
      if (b.number === null) return -1;
      return down ? b.number - a.number : a.number - b.number;
    }
    return (down ? 1 : -1) * a.text.localeCompare(b.text, "en");
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.classList.contains("sort") && button.dataset.grid === undefined) {
      sortRows(button.closest("table"), button.closest("th").cellIndex, button);
    } else if (button.classList.contains("copy")) {
      copy(button, button.parentElement.querySelector("pre").textContent);
    } else if (button.dataset.export) {
      const [kind, name] = [button.dataset.export, button.dataset.of];
      const text = name === "grid" ? gridText(kind) : DATA.exports[name][kind];
      save(`${name}.${kind === "csv" ? "csv" : "tex"}`, text);
    }
  });

  function copy(button, text) {
    const done = () => {
      const before = button.textContent;
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = before; }, 1500);
    };
    const selected = () => {
      const range = document.createRange();
      range.selectNodeContents(button.parentElement.querySelector("pre"));
      const held = window.getSelection();
      held.removeAllRanges();
      held.addRange(range);
    };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, selected);
    else selected();
  }

  function save(name, text) {
    const link = el("a", { download: name, href: URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" })) });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  // a definition that is linked to lies in a part that is folded
  function unfold() {
    const wanted = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
    if (!wanted) return;
    for (let one = wanted.closest("details"); one; one = one.parentElement.closest("details")) one.open = true;
    wanted.scrollIntoView();
  }
  window.addEventListener("hashchange", unfold);

  // ---------------------------------------------------------------- each router on each pool

  const PAGE = 100;
  const WORDS = ["protocol", "benchmark", "size", "group", "router"];
  const grid = { rows: [], order: [], shown: PAGE, sort: null, down: true, filters: {}, metric: new Set() };

  function beginGrid() {
    const held = DATA.grid;
    const n = held.control.length;
    grid.rows = Array.from({ length: n }, (_, row) => row);
    held.metrics.forEach((one, place) => { if (place < 5 || one.name === "cost") grid.metric.add(place); });
    const filters = WORDS.filter((word) => held.words[word].levels.length > 1 && word !== "router").map((word) => {
      const select = el("select", {}, option("", "all"), ...held.words[word].levels.map((level, code) => option(code, level)));
      select.addEventListener("change", () => { grid.filters[word] = select.value === "" ? null : Number(select.value); refilter(); });
      return el("label", { class: "field" }, `${word === "size" ? "m" : word} `, select);
    });
    const search = el("input", { type: "search" });
    search.addEventListener("input", () => { grid.filters.search = search.value.toLowerCase(); refilter(); });
    filters.push(el("label", { class: "field" }, "router has ", search));
    const kind = el("select", {}, option("all", "all"), option("learned", "learned"), option("control", "controls"));
    kind.addEventListener("change", () => { grid.filters.kind = kind.value; refilter(); });
    filters.push(el("label", { class: "field" }, "rows ", kind));
    const metrics = el("select", {}, option("main", "main"), option("all", "all"), ...held.metrics.map((one, place) => option(place, one.head)));
    metrics.addEventListener("change", () => {
      grid.metric = new Set(held.metrics.map((_, place) => place).filter((place) => metrics.value === "all" || (metrics.value === "main" ? place < 5 || held.metrics[place].name === "cost" : place === Number(metrics.value))));
      drawGrid();
    });
    filters.push(el("label", { class: "field" }, "metrics ", metrics));
    filters.push(el("button", { type: "button", "data-export": "csv", "data-of": "grid" }, "CSV"));
    filters.push(el("button", { type: "button", "data-export": "latex", "data-of": "grid" }, "LaTeX"));
    byId("grid-filters").replaceChildren(...filters);
    refilter();
  }

  function refilter() {
    const held = DATA.grid;
    const { search, kind } = grid.filters;
    const names = held.words.router;
    const fits = names.levels.map((level) => !search || level.toLowerCase().includes(search));
    grid.order = grid.rows.filter((row) => {
      if (kind === "learned" && held.control[row]) return false;
      if (kind === "control" && !held.control[row]) return false;
      if (!fits[names.code[row]]) return false;
      return WORDS.every((word) => grid.filters[word] === undefined || grid.filters[word] === null || held.words[word].code[row] === grid.filters[word]);
    });
    grid.shown = PAGE;
    resort();
  }

  function resort() {
    const begun = performance.now();
    const by = grid.sort;
    if (by !== null) {
      const sign = grid.down ? -1 : 1;
      const values = by.kind === "metric" ? DATA.grid.metrics[by.place].value : by.kind === "n" ? DATA.grid.n : null;
      if (values) {
        grid.order.sort((a, b) => {
          if (values[a] === null || values[b] === null) return (values[a] === null) - (values[b] === null) || a - b;
          return sign * (values[a] - values[b]) || a - b;
        });
      } else {
        const { levels, code } = DATA.grid.words[by.word];
        const ranked = levels.map((_, place) => place).sort((a, b) => levels[a].localeCompare(levels[b], "en", { numeric: true }));
        const rank = [];
        ranked.forEach((level, place) => { rank[level] = place; });
        grid.order.sort((a, b) => -sign * (rank[code[a]] - rank[code[b]]) || a - b);
      }
    }
    drawGrid();
    grid.took = performance.now() - begun;
    document.documentElement.dataset.sortMs = grid.took.toFixed(1);
  }

  function shownMetrics() {
    return DATA.grid.metrics.map((one, place) => ({ ...one, place })).filter((one) => grid.metric.has(one.place));
  }

  const shownWords = () => WORDS.filter((word) => word === "router" || word === "benchmark" || DATA.grid.words[word].levels.length > 1);

  function sortHead(text, key, definition) {
    const button = el("button", { type: "button", class: "sort", "data-grid": true }, text);
    const same = grid.sort && JSON.stringify(grid.sort) === JSON.stringify(key);
    const head = el("th", { scope: "col", "aria-sort": same ? (grid.down ? "descending" : "ascending") : null }, button);
    if (definition) head.append(el("a", { class: "what", href: `#def-${definition.split("(")[0].split("@")[0]}`, "aria-label": `what is ${text}` }, "?"));
    button.addEventListener("click", () => {
      grid.down = same ? !grid.down : true;
      grid.sort = key;
      resort();
      const again = [...byId("grid").querySelectorAll("button.sort")].find((one) => one.textContent === text);
      if (again) again.focus({ preventScroll: true });
    });
    return head;
  }

  function drawGrid() {
    const held = DATA.grid;
    const words = shownWords();
    const metrics = shownMetrics();
    const heads = words.map((word) => sortHead(word === "size" ? "m" : word, { kind: "word", word }));
    heads.push(sortHead("prompts", { kind: "n" }));
    heads.push(...metrics.map((one) => sortHead(one.head, { kind: "metric", place: one.place }, one.name)));
    const body = grid.order.slice(0, grid.shown).map((row) => {
      const cells = words.map((word) => {
        const level = held.words[word].levels[held.words[word].code[row]];
        return word === "router"
          ? el("th", { scope: "row", class: brief(level) }, el("bdi", {}, level), held.control[row] ? " †" : "")
          : el("td", { class: `text ${brief(level)}` }, el("bdi", {}, level));
      });
      cells.push(el("td", {}, held.n[row].toLocaleString("en-US")));
      for (const one of metrics) cells.push(metricCell(one, row));
      return el("tr", { class: held.control[row] ? "control" : null }, ...cells);
    });
    byId("grid").replaceChildren(el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...body));
    const left = grid.order.length - grid.shown;
    byId("grid-count").textContent = `${Math.min(grid.shown, grid.order.length).toLocaleString("en-US")} of ${grid.order.length.toLocaleString("en-US")} rows; ± is half the width of the 95 % interval; † a control.`;
    const more = el("button", { type: "button" }, `Show ${Math.min(left, 500)} more`);
    more.addEventListener("click", () => { grid.shown += 500; drawGrid(); });
    byId("grid-more").replaceChildren(...(left > 0 ? [more] : []));
  }

  function metricCell(one, row) {
    const value = one.value[row];
    if (value === null) return el("td", {}, "–");
    const cell = el("td", {}, fixed(value / one.scale, 3));
    if (one.low[row] !== null && one.high[row] !== null) {
      cell.append(el("span", { class: "interval" }, ` ±${fixed((one.high[row] - one.low[row]) / 2 / one.scale, 3)}${one.unsure[row] ? "?" : ""}`));
    }
    return cell;
  }

  /** All rows that the filters leave, in their order. */
  function gridText(kind) {
    const held = DATA.grid;
    const words = shownWords();
    const metrics = shownMetrics();
    const heads = [...words, "control", "prompts", ...metrics.flatMap((one) => [one.name, `${one.name}_low`, `${one.name}_high`])];
    if (kind === "csv") {
      const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
      const lines = grid.order.map((row) => [
        ...words.map((word) => held.words[word].levels[held.words[word].code[row]]),
        held.control[row], held.n[row],
        ...metrics.flatMap((one) => [one.value, one.low, one.high].map((of) => (of[row] === null ? "" : of[row] / one.scale))),
      ].map((value) => quoted(String(value))).join(","));
      return [heads.join(","), ...lines, ""].join("\n");
    }
    const signs = { "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "μ": "$\\mu$", "−": "$-$", "†": "$\\dagger$" };
    const tex = (text) => [...text].map((char) => signs[char] || ("_%&#$".includes(char) ? `\\${char}` : char)).join("");
    const rows = grid.order.map((row) => [
      ...words.map((word) => tex(held.words[word].levels[held.words[word].code[row]])),
      ...metrics.map((one) => (one.value[row] === null ? "--" : `${fixed(one.value[row] / one.scale, 3)}${one.low[row] === null ? "" : `\\,{\\scriptsize$\\pm$${fixed((one.high[row] - one.low[row]) / 2 / one.scale, 3)}}`}`)),
    ].join(" & "));
    return [
      "\\begin{table}", "\\centering", `\\begin{tabular}{${"l".repeat(words.length)}${"r".repeat(metrics.length)}}`, "\\toprule",
      `${[...words.map((word) => (word === "size" ? "$m$" : word)), ...metrics.map((one) => tex(one.head))].join(" & ")} \\\\`, "\\midrule",
      ...rows.map((row) => `${row} \\\\`), "\\bottomrule", "\\end{tabular}", "\\end{table}", "",
    ].join("\n");
  }

  // ---------------------------------------------------------------- prompts

  const CARDS = 20;
  const prompts = { found: [], shown: CARDS, text: "", block: "", only: "", filter: "", strange: false };

  function beginPrompts() {
    if (!DATA.explorer || !byId("prompt-filters")) return;
    const blocks = DATA.explorer.blocks;
    const search = el("input", { type: "search" });
    search.addEventListener("input", () => { prompts.text = search.value.toLowerCase(); findPrompts(); });
    const filters = [el("label", { class: "field" }, "Search ", search)];
    if (blocks.length > 1) {
      const select = el("select", {}, option("", "all"), ...blocks.map((one, n) => option(n, one.benchmark)));
      select.addEventListener("change", () => { prompts.block = select.value; findPrompts(); });
      filters.push(el("label", { class: "field" }, "benchmark ", select));
    }
    const models = [...new Set(blocks.flatMap((one) => one.models))];
    const only = el("select", {}, option("", "any"), ...models.map((name) => option(name, name)));
    only.addEventListener("change", () => { prompts.only = only.value; findPrompts(); });
    filters.push(el("label", { class: "field" }, "only this model is right ", only));
    const routers = [...new Set(blocks.flatMap((one) => one.routers))];
    const wrong = el("select", {}, option("", "any"), ...routers.map((name) => option(name, name)));
    wrong.addEventListener("change", () => { prompts.filter = wrong.value; findPrompts(); });
    filters.push(el("label", { class: "field" }, "wrong, though a model is right: ", wrong));
    if (blocks.some((one) => one.unfamiliar)) {
      const strange = el("input", { type: "checkbox" });
      strange.addEventListener("change", () => { prompts.strange = strange.checked; findPrompts(); });
      filters.push(el("label", { class: "field" }, strange, " unfamiliar to the saved router"));
    }
    byId("prompt-filters").replaceChildren(...filters);
    findPrompts();
  }

  function findPrompts() {
    prompts.found = [];
    DATA.explorer.blocks.forEach((block, b) => {
      if (prompts.block !== "" && Number(prompts.block) !== b) return;
      const model = prompts.only === "" ? -1 : block.models.indexOf(prompts.only);
      const router = prompts.filter === "" ? -1 : block.routers.indexOf(prompts.filter);
      if ((prompts.only !== "" && model < 0) || (prompts.filter !== "" && router < 0)) return;
      block.id.forEach((id, p) => {
        const scores = block.scores[p];
        if (prompts.text && !`${id}\n${block.subset[p]}\n${block.text[p] || ""}`.toLowerCase().includes(prompts.text)) return;
        if (prompts.strange && !(block.unfamiliar && block.unfamiliar[p])) return;
        if (model >= 0 && !(scores[model] >= 0.5 && scores.every((score, n) => n === model || !(score >= 0.5)))) return;
        if (router >= 0) {
          const choice = block.choice[router][p];
          if (choice < 0 || scores[choice] >= 0.5 || !scores.some((score) => score >= 0.5)) return;
        }
        prompts.found.push([b, p]);
      });
    });
    prompts.shown = CARDS;
    drawPrompts();
  }

  function drawPrompts() {
    const all = DATA.explorer.blocks.reduce((sum, one) => sum + one.id.length, 0);
    const kept = all < DATA.explorer.total ? ` (of ${DATA.explorer.total.toLocaleString("en-US")} test prompts: those of the largest regret, and every so-many-th other)` : "";
    byId("prompt-count").textContent = `${prompts.found.length.toLocaleString("en-US")} of ${all.toLocaleString("en-US")} prompts${kept}.`;
    byId("prompt-list").replaceChildren(...prompts.found.slice(0, prompts.shown).map(([b, p]) => card(DATA.explorer.blocks[b], p)));
    const left = prompts.found.length - prompts.shown;
    const more = el("button", { type: "button" }, `Show ${Math.min(left, 100)} more`);
    more.addEventListener("click", () => { prompts.shown += 100; drawPrompts(); });
    byId("prompt-more").replaceChildren(...(left > 0 ? [more] : []));
  }

  function card(block, p) {
    const scores = block.scores[p];
    const head = el("p", { class: "note" }, el("bdi", {}, block.benchmark), block.subset[p] && block.subset[p] !== block.benchmark ? el("bdi", {}, ` · ${block.subset[p]}`) : "", el("bdi", {}, ` · ${block.id[p]}`), ` · ${block.pool}`);
    const text = block.text[p] === null ? el("p", { class: "absent" }, "The records hold no text.") : el("pre", { class: "prompt", dir: "auto", tabindex: 0 }, block.text[p]);
    const graded = scores.some((score) => score !== null && score !== 0 && score !== 1);
    const right = el("p", {}, graded ? "0.5 or more: " : "Right: ");
    const names = block.models.filter((_, n) => scores[n] >= 0.5);
    right.append(names.length ? el("bdi", { class: "right" }, names.join(", ")) : "none of the pool");
    const rows = block.routers.map((name, r) => chosenRow(block, p, r, name));
    const heads = ["router", "chose", "score", "why"].map((word) => el("th", { scope: "col", class: "text" }, word));
    const table = el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows));
    const opened = el("details", {}, el("summary", {}, "What each router chose"), el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": `What each router chose on ${block.id[p]} of ${block.benchmark}` }, table));
    return el("div", { class: "prompt-card" }, head, text, right, opened);
  }

  function chosenRow(block, p, r, name) {
    const choice = block.choice[r][p];
    const score = choice >= 0 ? block.scores[p][choice] : null;
    const shown = choice >= 0 ? block.models[choice] : choice === -1 ? "a mix" : "a model not shown";
    const sign = score === null ? "" : score >= 0.5 ? "✓ " : "✗ ";
    const look = score === null ? "text" : score >= 0.5 ? "text right" : "text wrong";
    return el("tr", { class: block.control[r] ? "control" : null }, el("th", { scope: "row" }, el("bdi", {}, name), block.control[r] ? " †" : ""), el("td", { class: look }, sign, el("bdi", {}, shown)), el("td", {}, fixed(score, 2)), el("td", { class: "text" }, reason(block, p, r, choice)));
  }

  /** What the router predicted: its choice, and the best other model. */
  function reason(block, p, r, choice) {
    const held = block.predicted[r];
    if (block.control[r]) return "a control";
    if (!held || choice < 0 || held[p][0] === null) return "not kept";
    const [own, other, value] = held[p];
    const next = value === null ? "" : `; next ${block.models[other]} ${fixed(value, 2)}`;
    return `predicted ${fixed(own, 2)}${next}`;
  }

  // ---------------------------------------------------------------- begin

  const view = byId("view");
  if (view) view.addEventListener("change", () => showView(view.value));
  beginTrade();
  if (DATA.grid) beginGrid();
  beginPrompts();
  unfold();
  document.documentElement.dataset.ready = "true";
})();
