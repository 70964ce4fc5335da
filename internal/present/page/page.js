"use strict";
(() => {
const $ = (id) => document.getElementById(id);

// Copy: a button beside each command.
const say = (text) => { const live = $("copied"); live.textContent = ""; live.textContent = text; };
const live = document.createElement("p");
live.id = "copied";
live.setAttribute("role", "status");
live.style.cssText = "position:absolute;left:-999px";
document.body.append(live);

async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
  }
}
for (const place of document.querySelectorAll(".copy")) {
  const code = place.querySelector("code"), button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy: " + code.textContent.slice(0, 120));
  button.addEventListener("click", async () => {
    await copy(code);
    button.textContent = "Copied";
    say("Copied");
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  place.append(button);
}

// What is folded is printed, too.
addEventListener("beforeprint", () => { for (const d of document.querySelectorAll("details")) d.open = true; });

const source = $("data");
if (!source) return;
const data = JSON.parse(source.textContent);

// unpack reads the lives of a lane: see pack in timeline.go.
function unpack(lane) {
  const text = atob(lane.lives), n = lane.count;
  const created = new Float64Array(n), ended = new Float64Array(n), log = lane.log ? new Float64Array(n).fill(NaN) : null;
  let at = 0;
  const next = () => {
    let value = 0, scale = 1, byte;
    do { byte = text.charCodeAt(at++); value += (byte & 127) * scale; scale *= 128; } while (byte > 127);
    return value;
  };
  let time = 0, id = 0;
  for (let i = 0; i < n; i++) {
    time += next();
    const code = next(), what = Math.floor(code / 2);
    created[i] = time;
    ended[i] = what > 1 ? time + what - 2 : what === 1 || !data.ends ? -1 : Infinity;
    if (code % 2) {
      const further = next();
      id += further % 2 ? -(further + 1) / 2 : further / 2;
      log[i] = id;
    }
  }
  return { ...lane, created, ended, log, line: lane.log };
}
const lanes = data.lanes.map(unpack);

const box = $("canvas"), canvas = box.querySelector("canvas"), tip = $("tip"), status = $("live");
$("still").style.display = "none";
for (const id of ["tools", "canvas", "help"]) $(id).hidden = false;

const DAY = 864e6, LANE = 44, STRIP = 24, AXIS = 26, MANY = 300, ROWS = 4;
let from = 0, until = data.span, width = 0, hovered = null;
const span = () => until - from;

// Times as the machine's clock shows them.
const pad = (n, to = 2) => String(n).padStart(to, "0");
function clock(tick, fine) {
  if (data.wall === null) return "+" + (tick / 1e4).toFixed(fine ? 4 : 0) + " s";
  const d = new Date(Math.round(data.wall + tick / 10));
  const day = d.getUTCFullYear() + "-" + pad(d.getUTCMonth() + 1) + "-" + pad(d.getUTCDate()) + " ";
  return day + pad(d.getUTCHours()) + ":" + pad(d.getUTCMinutes()) + ":" + pad(d.getUTCSeconds()) + (fine ? "." + pad(d.getUTCMilliseconds(), 3) : "");
}
function lasting(ticks) {
  const s = ticks / 1e4;
  if (s < 0.1) return (s * 1000).toFixed(1) + " ms";
  if (s < 60) return s.toFixed(1) + " s";
  if (s < 3600) return Math.floor(s / 60) + " min " + Math.floor(s % 60) + " s";
  return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
}
const count = (n) => n.toLocaleString("en-US");

const xOf = (t) => (t - from) / span() * width;
const endOf = (lane, i) => lane.ended[i] < 0 ? lane.created[i] : Math.min(lane.ended[i], data.span);

// seen are the places of the lives of a lane that are in the window.
function seen(lane) {
  const list = [];
  for (let i = 0; i < lane.count && lane.created[i] <= until; i++) {
    if (endOf(lane, i) >= from) list.push(i);
  }
  return list;
}

// drawSingle draws each life as a bar; those at the same time lie below one another.
function drawSingle(g, lane, list, top) {
  const free = new Array(ROWS).fill(-Infinity), high = STRIP / ROWS;
  for (const i of list) {
    const x = Math.max(-2, xOf(lane.created[i])), end = Math.min(width + 2, xOf(endOf(lane, i)));
    let row = free.findIndex((f) => f <= x);
    if (row < 0) row = free.indexOf(Math.min(...free));
    const wide = Math.max(2, end - x);
    free[row] = x + wide + 1;
    const y = top + row * high;
    if (lane.ended[i] < 0) g.fillRect(x - 1, y, 2, high - 1);
    else g.fillRect(x, y, wide, high - 1);
    if (lane.log && !Number.isNaN(lane.log[i])) g.fillRect(x, top - 4, 1.5, 3);
  }
}

// drawMany draws how many there are at each pixel.
function drawMany(g, lane, list, top) {
  const columns = Math.ceil(width) + 1, change = new Int32Array(columns + 1);
  const column = (t) => Math.max(0, Math.min(columns - 1, Math.floor(xOf(t))));
  for (const i of list) {
    change[column(lane.created[i])]++;
    change[column(endOf(lane, i)) + 1]--;
  }
  let most = 0, n = 0;
  for (const c of change) { n += c; if (n > most) most = n; }
  n = 0;
  for (let x = 0; x < columns; x++) {
    n += change[x];
    if (n > 0) { const high = Math.max(1.5, STRIP * n / most); g.fillRect(x, top + STRIP - high, 1, high); }
  }
  if (lane.log) g.fillRect(0, top - 4, width, 1.5);
}

function ticks(g, y, style) {
  const steps = [1, 10, 100, 1e3, 5e3, 1e4, 2e4, 5e4, 1e5, 3e5, 6e5, 3e6, 6e6, 18e6, 36e6, 108e6, 216e6, 432e6, DAY];
  let step = steps.find((s) => s / span() * width > 150) || steps[steps.length - 1];
  while (step / span() * width < 150) step *= 2;
  const offset = data.wall === null ? 0 : (data.wall * 10) % step;
  for (let t = Math.ceil((from + offset) / step) * step - offset; t <= until; t += step) {
    const x = xOf(t);
    g.fillStyle = style.line;
    g.fillRect(x, 0, 1, y + 4);
    g.fillStyle = style.soft;
    const text = clock(t, step < 1e4);
    g.fillText(step >= DAY ? text.slice(0, 10) : text.slice(data.wall === null ? 0 : 11), x + 3, y + 16);
  }
}

let pending = false;
function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; draw(); });
}
function draw() {
  const css = getComputedStyle(document.documentElement);
  const style = { text: css.getPropertyValue("--text"), soft: css.getPropertyValue("--soft"), line: css.getPropertyValue("--line") };
  width = box.clientWidth;
  const height = lanes.length * LANE + AXIS, dots = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(height * dots)) {
    canvas.width = Math.round(width * dots);
    canvas.height = Math.round(height * dots);
    canvas.style.height = height + "px";
  }
  const g = canvas.getContext("2d");
  g.setTransform(dots, 0, 0, dots, 0, 0);
  g.clearRect(0, 0, width, height);
  g.font = "13px system-ui,sans-serif";
  ticks(g, lanes.length * LANE, style);
  lanes.forEach((lane, k) => {
    const top = k * LANE + LANE - STRIP;
    lane.list = seen(lane);
    g.fillStyle = style.line;
    g.fillRect(0, top + STRIP, width, 0.5);
    g.fillStyle = lane.color;
    (lane.list.length <= MANY ? drawSingle : drawMany)(g, lane, lane.list, top);
    g.fillStyle = style.text;
    g.fillText(lane.label, 0, top - 7, width);
  });
}

// describe says to a screen reader what the window shows.
let saying;
function describe() {
  clearTimeout(saying);
  saying = setTimeout(() => {
    const shown = lanes.map((l) => ({ l, n: (l.list || []).length * l.every })).filter((s) => s.n > 0);
    status.textContent = clock(from) + " to " + clock(until) + ": " +
      (shown.map((s) => (s.l.every > 1 ? "about " : "") + count(s.n) + " of cause " + s.l.number).join(", ") || "none");
  }, 250);
}

function show(a, b) {
  const least = Math.min(100, data.span), wide = Math.min(data.span, Math.max(least, b - a));
  from = Math.max(0, Math.min(data.span - wide, a));
  until = from + wide;
  redraw();
  describe();
}
function zoom(factor, at = (from + until) / 2) { show(at - (at - from) * factor, at + (until - at) * factor); }
const act = {
  in: () => zoom(0.5), out: () => zoom(2), left: () => show(from - span() / 4, until - span() / 4),
  right: () => show(from + span() / 4, until + span() / 4), all: () => show(0, data.span),
};
for (const b of $("tools").querySelectorAll("button")) b.addEventListener("click", () => act[b.dataset.do]());
const keys = { ArrowLeft: "left", ArrowRight: "right", "+": "in", "=": "in", "-": "out", Home: "all" };
box.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || !keys[e.key]) return;
  e.preventDefault();
  act[keys[e.key]]();
});
const timeAt = (e) => from + (e.clientX - box.getBoundingClientRect().left) / width * span();
box.addEventListener("wheel", (e) => {
  if (!e.ctrlKey && document.activeElement !== box) return; // the page scrolls
  e.preventDefault();
  zoom(e.deltaY > 0 ? 1.25 : 0.8, timeAt(e));
}, { passive: false });

let drag = null;
box.addEventListener("pointerdown", (e) => { drag = { x: e.clientX, from, until }; box.setPointerCapture(e.pointerId); });
box.addEventListener("pointerup", () => { drag = null; });
box.addEventListener("pointerleave", () => { tip.hidden = true; });
box.addEventListener("pointermove", (e) => {
  if (drag) {
    const by = (drag.x - e.clientX) / width * (drag.until - drag.from);
    show(drag.from + by, drag.until + by);
    return;
  }
  hovered = e;
  requestAnimationFrame(hint);
});

// hint says what is below the pointer.
function hint() {
  if (!hovered) return;
  const e = hovered, r = box.getBoundingClientRect(), lane = lanes[Math.floor((e.clientY - r.top) / LANE)];
  hovered = null;
  const text = lane && lane.list && below(lane, timeAt(e));
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const x = e.clientX - r.left;
  tip.style.left = Math.max(0, Math.min(x + 12, width - tip.offsetWidth)) + "px";
  tip.style.top = (e.clientY - r.top + 16) + "px";
}
function below(lane, t) {
  const slack = 3 / width * span();
  if (lane.list.length > MANY) {
    const n = lane.list.filter((i) => lane.created[i] <= t + slack / 3 && endOf(lane, i) >= t - slack / 3).length * lane.every;
    return lane.label + "\n" + clock(t) + ": " + count(n);
  }
  let best = -1, off = slack;
  for (const i of lane.list) {
    const d = t < lane.created[i] ? lane.created[i] - t : Math.max(0, t - endOf(lane, i));
    if (d <= off) { best = i; off = d; }
  }
  if (best < 0) return "";
  const end = lane.ended[best];
  let text = lane.label + "\n" + clock(lane.created[best], true);
  if (end === Infinity) text += ", still open";
  else if (end < 0) text += data.ends ? ", failed" : ", its end was not seen";
  else text += ", lived " + lasting(end - lane.created[best]);
  if (lane.log && !Number.isNaN(lane.log[best])) text += "\n" + lane.line.replace("#", lane.log[best]);
  return text;
}

new ResizeObserver(redraw).observe(box);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
draw();
describe();
})();
