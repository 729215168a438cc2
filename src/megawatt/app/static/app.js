// The live page: two scenarios at most, their inputs on sliders, figures, a week, layouts; all of its state is in the address.
const SIDES = ["a", "b"];
const NONE = "";
const GLANCE = { value_usd_per_grid_mw_year: "value USD/MW-year", min_dscr: "lowest DSCR", probability_missed: "missed" };
const state = { a: side(), b: side(), week: 28, ep: null };
let scenarios = [], leftOut = 0;
const charts = {};

function side() { return { key: NONE, use: 0, moves: {}, uses: [], title: "", inputs: [], figures: [], busy: null, plan: null, ranked: null }; }
const $ = (id) => document.getElementById(id);
const shown = () => SIDES.filter((name) => state[name].key !== NONE);

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) { node.addEventListener(name.slice(2), value); }
    else if (value === true) { node.setAttribute(name, ""); }
    else if (value !== false && value !== null && value !== undefined) { node.setAttribute(name, value); }
  }
  node.append(...children);
  return node;
}

async function ask(path, options) {
  const answer = await fetch(path, options);
  const told = await answer.json();
  if (!answer.ok) {
    const problems = (told.error.problems || []).map((p) => p.path + ": " + p.found + "; allowed: " + p.allowed + (p.hint ? " (" + p.hint + ")" : ""));
    throw new Error([told.error.message, ...problems].join(" — "));
  }
  return told;
}

function query(name, more = {}) {
  const one = state[name], words = new URLSearchParams({ scenario: one.key, use: one.use, ...more });
  for (const [input, value] of Object.entries(one.moves)) { words.append("set", input + ":" + value); }
  return words.toString();
}

// ---- the address ----
function readAddress() {
  const words = new URLSearchParams(location.search);
  for (const name of SIDES) {
    const one = state[name];
    one.key = words.get(name) || NONE;
    one.use = Number(words.get(name + "use") || 0);
    for (const text of words.getAll(name + "set")) {
      const at = text.lastIndexOf(":");
      if (at > 0) { one.moves[text.slice(0, at)] = Number(text.slice(at + 1)); }
    }
  }
  state.week = Number(words.get("week") || 28);
  state.ep = words.get("ep");
}

function writeAddress() {
  const words = new URLSearchParams();
  for (const name of shown()) {
    words.set(name, state[name].key);
    if (state[name].use) { words.set(name + "use", state[name].use); }
    for (const [input, value] of Object.entries(state[name].moves)) { words.append(name + "set", input + ":" + value); }
  }
  if (state.week !== 28) { words.set("week", state.week); }
  if (state.ep) { words.set("ep", state.ep); }
  history.replaceState(null, "", location.pathname + "?" + words + location.hash);
}

// ---- numbers for people ----
function people(value, unit) {
  if (value === null || value === undefined) { return "–"; }
  const size = Math.abs(value), sign = value < 0 ? "−" : "";
  if (unit === "share") { return sign + (size * 100).toFixed(1) + " %"; }
  for (const [limit, word] of [[1e12, "tn"], [1e9, "bn"], [1e6, "m"]]) {
    if (size >= limit) { return sign + (size / limit).toPrecision(4) + word; }
  }
  const text = size >= 1000 ? Math.round(size).toLocaleString("en") : String(parseFloat(size.toPrecision(4)));
  return sign + text;
}

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

// ---- choosing scenarios ----
function picker(name, words) {
  const one = state[name], optional = name === "b";
  const keys = [...(optional ? [make("option", { value: NONE }, "none")] : []),
    ...scenarios.map((s) => make("option", { value: s.key, selected: s.key === one.key }, s.title + " (" + s.key + ")")),
    ...(leftOut ? [make("option", { disabled: true }, leftOut + " more files of this folder are not listed")] : [])];
  const uses = one.uses.map((u) => make("option", { value: u.use, selected: u.use === one.use }, u.title));
  return make("fieldset", {}, make("legend", {}, words),
    make("label", { for: name + "-key" }, "Scenario"),
    make("select", { id: name + "-key", onchange: (event) => choose(name, event.target.value, 0) }, ...keys),
    make("label", { for: name + "-use", hidden: uses.length < 2 }, "Use"),
    make("select", { id: name + "-use", hidden: uses.length < 2, onchange: (event) => choose(name, one.key, Number(event.target.value)) }, ...uses));
}

function drawPickers() {
  $("pickers").replaceChildren(picker("a", "Scenario"), picker("b", "Beside it"));
}

async function choose(name, key, use) {
  const kept = state[name];
  if (kept.ranked) { clearTimeout(kept.ranked); }
  state[name] = Object.assign(side(), { key, use });
  await open(name);
}

async function open(name) {
  writeAddress();
  const one = state[name];
  if (one.key === NONE) { drawAll(); return; }
  say("Making every link of " + one.key + " …");
  try {
    const told = await ask("/api/scenario?" + query(name));
    one.uses = told.uses;
    one.title = told.uses[one.use] ? told.uses[one.use].title : told.title;
    drawPickers();
    await refresh(name);
    rank(name);
  } catch (error) { say(one.key + ": " + error.message, true); drawAll(); }
}

// ---- figures ----
async function refresh(name) {
  const one = state[name];
  if (one.busy) { one.busy.abort(); }
  const mine = one.busy = new AbortController();
  try {
    const told = await ask("/api/figures?" + query(name), { signal: mine.signal });
    if (one.busy !== mine) { return; }
    one.figures = told.figures;
    say("");
    drawFigures();
    drawKeeps();
    drawWeek(name);
    drawLayouts();
  } catch (error) { if (error.name !== "AbortError") { say(one.title + ": " + error.message, true); } }
}

function change(row) {
  if (row.value === null || row.base === null || row.value === row.base) { return ""; }
  const gained = row.value - row.base;
  const relative = row.unit === "share" || !row.base ? "" : " (" + (gained >= 0 ? "+" : "−") + percent(Math.abs(100 * gained / row.base)) + " %)";
  return (gained >= 0 ? "+" : "") + people(gained, row.unit) + relative;
}

function percent(value) { return value >= 100 ? String(Math.round(value)) : String(parseFloat(value.toPrecision(2))); }

function drawFigures() {
  const names = shown().filter((name) => state[name].figures.length);
  $("table").hidden = !names.length;
  $("table-head").replaceChildren(make("th", { scope: "col" }, "Figure"),
    ...names.flatMap((name) => [make("th", { scope: "col" }, state[name].title), make("th", { scope: "col" }, "by the moves")]));
  $("glance").replaceChildren(...names.map((name) => make("span", { class: "below" }, state[name].title + ": ",
    ...state[name].figures.slice(0, 5).filter((row) => GLANCE[row.name]).flatMap((row) => [GLANCE[row.name] + " ", make("b", {}, people(row.value, row.unit)), "  "]))));
  const order = [];
  names.forEach((name) => state[name].figures.forEach((row) => { if (!order.includes(row.name)) { order.push(row.name); } }));
  $("table-body").replaceChildren(...order.map((figure) => {
    const rows = names.map((name) => state[name].figures.find((row) => row.name === figure));
    const told = rows.find((row) => row);
    return make("tr", { "data-figure": figure }, make("th", { scope: "row" }, explained(told, names)),
      ...rows.flatMap((row) => {
        const text = row ? change(row) : "", good = row && row.better && text ? (row.value > row.base) === (row.better === "higher") : null;
        return [make("td", { class: "number" }, row ? people(row.value, row.unit) : "–"),
          make("td", { class: good === null ? "" : good ? "better" : "worse" }, text)];
      }));
  }));
}

// What a figure means, and the inputs that move it most between the ends of their ranges.
const opened = new Set();
function explained(told, names) {
  const lines = names.flatMap((name) => movers(name, told.name, names.length > 1));
  const box = make("details", { open: opened.has(told.name), ontoggle: (event) => { if (event.target.open) { opened.add(told.name); } else { opened.delete(told.name); } } },
    make("summary", {}, told.title + (told.unit && told.unit !== "share" ? " [" + told.unit + "]" : "")),
    make("p", { class: "definition" }, told.meaning));
  if (lines.length) { box.append(make("p", { class: "definition" }, "Moved most by (low end to high end of their ranges):"), make("ul", { class: "definition" }, ...lines.map((text) => make("li", {}, text)))); }
  return box;
}

function movers(name, figure, several) {
  const found = state[name].inputs.filter((input) => input.ends && input.ends[figure] && input.ends[figure].every((end) => end !== null))
    .map((input) => ({ title: input.title, ends: input.ends[figure], swing: Math.abs(input.ends[figure][1] - input.ends[figure][0]) }))
    .filter((one) => one.swing > 0).sort((x, y) => y.swing - x.swing).slice(0, 5);
  return found.map((one) => (several ? state[name].title + ": " : "") + one.title + ", " + people(one.ends[0]) + " to " + people(one.ends[1]));
}

// ---- inputs ----
async function rank(name) {
  const one = state[name];
  try {
    const told = await ask("/api/inputs?" + query(name));
    if (state[name] !== one) { return; }
    const ready = !told.running || told.error;
    one.ranking = told;
    if (ready || one.inputs.length === 0 || !document.activeElement.closest(".slider")) { one.inputs = merged(one, told.inputs); drawSliders(); drawFigures(); }
    if (!ready) { one.ranked = setTimeout(() => rank(name), 700); }
  } catch (error) { say(one.title + ": " + error.message, true); }
}

function merged(one, inputs) {
  const there = new Set(inputs.map((input) => input.name));
  return [...inputs, ...one.inputs.filter((input) => input.added && !there.has(input.name))];
}

function slider(name, input) {
  const one = state[name], id = name + "-" + input.name.replace(/[^a-z0-9]/gi, "-");
  const value = one.moves[input.name] ?? input.base;
  const step = (input.high - input.low) / 200;
  let pending = 0;
  const range = make("input", { type: "range", id, min: input.low, max: input.high, step: "any", value });
  const number = make("input", { type: "number", min: input.low, max: input.high, step: "any", value: Number(value.toPrecision(6)), "aria-label": input.title + ", value" });
  const row = make("div", { class: "slider" + (input.name in one.moves ? " moved" : "") },
    make("label", { for: id }, input.title, " ", make("span", { class: "unit" }, input.unit)), range, number,
    make("span", { class: "ends" }, people(input.low) + " to " + people(input.high) + ", here " + people(input.base) + " · " + input.kind + " · " + input.name));
  function move(to) {
    if (!Number.isFinite(to)) { return; }
    const kept = Math.min(Math.max(to, input.low), input.high);
    if (Math.abs(kept - input.base) <= step * 1e-6) { delete one.moves[input.name]; } else { one.moves[input.name] = kept; }
    row.classList.toggle("moved", input.name in one.moves);
    writeAddress();
    clearTimeout(pending);
    pending = setTimeout(() => refresh(name), 40);
  }
  range.addEventListener("input", () => { number.value = Number(Number(range.value).toPrecision(6)); move(Number(range.value)); });
  range.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (by) { event.preventDefault(); range.value = Number(range.value) + by * step; range.dispatchEvent(new Event("input")); }
  });
  number.addEventListener("change", () => { range.value = number.value; move(Number(number.value)); number.value = Number(Number(range.value).toPrecision(6)); });
  return row;
}

function drawSliders() {
  $("sliders").replaceChildren(...shown().map((name) => {
    const one = state[name], ranking = one.ranking || { running: true, done: 0, total: 0 };
    const acts = make("div", { class: "acts" }, make("button", { type: "button", class: "act", onclick: () => { one.moves = {}; writeAddress(); drawSliders(); refresh(name); } }, "Put all back"));
    const parts = [make("h3", {}, one.title)];
    if (ranking.running) {
      parts.push(make("label", { for: name + "-progress" }, "Looking for what moves it most: " + ranking.done + " of " + (ranking.total || "…")),
        make("progress", { id: name + "-progress", max: ranking.total || 1, value: ranking.done }));
      acts.append(make("button", { type: "button", class: "act", onclick: () => fetch("/api/inputs?" + query(name), { method: "DELETE" }) }, "Stop looking"));
    }
    return make("div", { class: "panel" }, ...parts, ...one.inputs.map((input) => slider(name, input)), acts, adder(name));
  }));
}

function adder(name) {
  const one = state[name], id = name + "-more";
  const list = make("select", { id, onchange: (event) => {
    const found = (one.all || []).find((input) => input.name === event.target.value);
    if (found && !one.inputs.some((input) => input.name === found.name)) { one.inputs.push({ ...found, added: true }); drawSliders(); }
  } }, make("option", { value: "" }, "choose …"));
  const fill = async () => {
    if (!one.all) { one.all = (await ask("/api/all-inputs?" + query(name))).inputs; }
    if (list.options.length === 1) { list.append(...one.all.map((input) => make("option", { value: input.name }, input.title + " (" + input.name + ")"))); }
  };
  list.addEventListener("focus", fill);
  list.addEventListener("pointerdown", fill);
  return make("p", {}, make("label", { for: id }, "Another input with a range "), list);
}

// ---- a week ----
function plot(id, box, spec) {
  if (!window.echarts || !window.megawatt) { window.addEventListener("load", () => plot(id, box, spec), { once: true }); return; }
  if (charts[id]) { charts[id].dispose(); }
  charts[id] = window.echarts.init(box, window.megawatt.themeOf(), { renderer: "svg" });
  charts[id].setOption(window.megawatt.dress({ option: spec.option, units: spec.units, hours: [] }, box.clientWidth));
}

async function drawWeek(name) {
  const one = state[name];
  try {
    const told = await ask("/api/week?" + query(name, { week: state.week }));
    if (state[name] !== one) { return; }
    $("week-name").textContent = told.title;
    let box = $("week-" + name);
    if (!box) {
      box = make("div", { class: "panel", id: "week-" + name });
      $("weeks").append(box);
    }
    const drawing = make("div", { class: "chart-box", role: "img", "aria-label": "Power and price, " + told.title + ", " + one.title });
    const table = make("table", {}, make("caption", {}, "Hours of the week, " + one.title),
      make("thead", {}, make("tr", {}, ...told.columns.map((column) => make("th", { scope: "col" }, column)))),
      make("tbody", {}, ...told.rows.map((row) => make("tr", {}, ...row.map((cell, n) => make(n ? "td" : "th", n ? {} : { scope: "row" }, String(cell)))))));
    const open = box.querySelector("details") ? box.querySelector("details").open : false;
    const legend = make("p", { class: "legend" }, ...told.option.series.map((series, n) => make("span", { class: "key" },
      make("span", { class: "mark" + (series.areaStyle ? "" : " solid"), style: "color:" + series.color }), series.name + " [" + told.units[n] + "]")));
    box.replaceChildren(make("h3", {}, one.title), legend, drawing, make("details", { class: "data", open }, make("summary", {}, "Hours as a table"), make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Hours of the week" }, table)));
    plot("week-" + name, drawing, told);
  } catch (error) { say(one.title + ": " + error.message, true); }
}

// ---- layouts ----
let map = null;
async function drawLayouts() {
  const name = "a";
  try { map = await ask("/api/layouts?" + query(name)); }
  catch (error) { map = { cells: [], note: error.message }; }
  const none = !map.cells.length;
  $("grid").hidden = $("ep").parentElement.hidden = none;
  $("cell").replaceChildren();
  if (none) { $("layouts-note").textContent = map.note || "No layout was found."; return; }
  $("layouts-note").textContent = map.model + " on " + map.chips.toLocaleString("en") + " chips of " + map.system + ": seconds of a step under the best layout of each degree; click a cell for the reason it is no better.";
  const eps = [...new Set(map.cells.map((cell) => cell.ep))].sort((x, y) => x - y);
  const best = map.cells.find((cell) => cell.why[0] === "the shortest step");
  if (!eps.map(String).includes(String(state.ep))) { state.ep = String(best ? best.ep : eps[0]); }
  $("ep").replaceChildren(...eps.map((ep) => make("option", { value: ep, selected: String(ep) === state.ep }, String(ep))));
  drawGrid();
}

function drawGrid() {
  const cells = map.cells.filter((cell) => String(cell.ep) === state.ep);
  const tps = [...new Set(cells.map((c) => c.tp))].sort((x, y) => x - y), pps = [...new Set(cells.map((c) => c.pp))].sort((x, y) => x - y);
  $("grid").tHead.replaceChildren(make("tr", {}, make("th", { scope: "col" }, "tp \\ pp"), ...pps.map((pp) => make("th", { scope: "col" }, String(pp)))));
  $("grid").tBodies[0].replaceChildren(...tps.map((tp) => make("tr", {}, make("th", { scope: "row" }, String(tp)),
    ...pps.map((pp) => {
      const cell = cells.find((c) => c.tp === tp && c.pp === pp);
      if (!cell) { return make("td", {}, make("span", { class: "unit" }, "")); }
      const text = cell.fits ? cell.step_time_s.toPrecision(3) : "too large";
      return make("td", {}, make("button", { type: "button", "aria-pressed": "false", class: (cell.fits ? "" : "none") + (cell.name === map.best ? " best" : ""),
        "aria-label": "tp " + tp + ", pp " + pp + ": " + (cell.fits ? text + " s" : text), onclick: (event) => explain(cell, event.currentTarget) }, text));
    }))));
}

function explain(cell, button) {
  $("grid").querySelectorAll("button").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
  const memory = Object.entries(cell.memory_parts_bytes).sort((x, y) => y[1] - x[1]).slice(0, 5).map(([part, bytes]) => part.replaceAll("_", " ") + " " + (bytes / 1e9).toFixed(1) + " GB");
  $("cell").replaceChildren(make("h3", {}, cell.name),
    make("p", {}, (cell.fits ? cell.step_time_s.toPrecision(4) + " s a step; " : "") + (cell.memory_bytes / 1e9).toFixed(1) + " of " + (map.hbm_bytes / 1e9).toFixed(0) + " GB; best of " + cell.layouts + " layouts."),
    make("ul", {}, ...cell.why.map((text) => make("li", {}, text))), make("p", { class: "note" }, "Memory: " + memory.join(", ") + "."));
}

// ---- keep ----
function drawKeeps() {
  $("keeps").replaceChildren(...shown().map((name) => {
    const one = state[name], link = (path, words) => make("a", { class: "act", href: path + "?" + query(name) }, words);
    const box = make("div", { class: "panel" }, make("h3", {}, one.title),
      make("div", { class: "acts" }, link("/api/scenario.toml", "Scenario file"), link("/api/hours.csv", "Hours (CSV)"), link("/api/figures", "Figures (JSON)"),
        make("button", { type: "button", class: "act", disabled: one.plan && one.plan.state === "running", onclick: () => startPlan(name) }, "Plan anew")));
    if (one.plan) {
      box.append(make("p", { role: "status" }, "Plan " + one.plan.plan + ": " + one.plan.text));
      if (one.plan.state === "running") {
        box.append(make("progress", { "aria-label": "Plan under way" }), make("button", { type: "button", class: "act", onclick: () => stopPlan(name) }, "Cancel"));
      }
      box.append(make("div", { class: "acts" }, ...one.plan.files.filter((file) => !file.endsWith(".parquet")).map((file) => make("a", { class: "act", href: "/api/plans/" + one.plan.plan + "/" + file }, file))));
    }
    return box;
  }));
}

async function startPlan(name) {
  try { state[name].plan = await ask("/api/plans?" + query(name), { method: "POST" }); follow(name); }
  catch (error) { say(error.message, true); }
}

async function follow(name) {
  const one = state[name];
  drawKeeps();
  if (!one.plan || one.plan.state !== "running") { return; }
  await new Promise((done) => setTimeout(done, 700));
  try { one.plan = await ask("/api/plans/" + one.plan.plan); follow(name); } catch (error) { say(error.message, true); }
}

async function stopPlan(name) {
  state[name].plan = await ask("/api/plans/" + state[name].plan.plan, { method: "DELETE" });
  drawKeeps();
}

// ---- all of it ----
function drawAll() {
  drawPickers(); drawFigures(); drawSliders(); drawKeeps();
  SIDES.filter((name) => state[name].key === NONE).forEach((name) => { const box = $("week-" + name); if (box) { box.remove(); } });
}

function wire() {
  const theme = $("theme"), root = document.documentElement;
  const show = () => theme.setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
  show();
  theme.addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    show();
    Object.values(charts).forEach((chart) => chart.setTheme(window.megawatt.themeOf()));
  });
  let pending = 0;
  $("week-number").value = state.week;
  $("week-number").addEventListener("input", (event) => {
    state.week = Number(event.target.value);
    writeAddress();
    clearTimeout(pending);
    pending = setTimeout(() => shown().forEach(drawWeek), 60);
  });
  $("ep").addEventListener("change", (event) => { state.ep = event.target.value; writeAddress(); $("cell").replaceChildren(); drawGrid(); });
  window.addEventListener("resize", () => Object.values(charts).forEach((chart) => chart.resize()));
}

async function start() {
  readAddress();
  wire();
  try {
    const found = await ask("/api/scenarios");
    scenarios = found.scenarios; leftOut = found.files_left_out;
    if (state.a.key === NONE) { state.a.key = scenarios[0].key; }
    drawAll();
    for (const name of shown()) { await open(name); }
    document.documentElement.dataset.ready = "true";
  } catch (error) { say(error.message, true); }
}

start();
