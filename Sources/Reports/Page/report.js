// Draws the charts of a report from the page's data. The pointer shows values; dragging along the axis zooms.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const state = { axis: "steps", logX: false, logY: false, smoothing: data.smoothing, raw: true, zoom: null, hidden: new Set() };
const margin = { left: 64, right: 14, top: 8, bottom: 40 };
const colour = (index) => `var(--line${index % 7})`;
// Lines are dashed if their colour is already used, and for the second and further sets of a run.
const dashes = ({ index, set = 0 }) => ["", "6 3", "2 3", "10 3 2 3", "12 6"][(Math.floor(index / 7) + set) % 5];
const axisTitles = { steps: "step", tokens: "tokens", flops: "floating-point operations", time: "time of training" };

// MARK: - Numbers

function short(value) {
  if (value === null || !isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e15)) {
    const [digits, power] = value.toExponential(3).split("e");
    return `${Number(digits)}e${Number(power)}`;
  }
  for (const [unit, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (size >= unit) return String(Number((value / (letter === "k" ? 1e3 : unit)).toPrecision(6))) + letter;
  }
  return String(Number(value.toPrecision(6)));
}

// Seconds as hours, minutes and seconds.
function clock(seconds) {
  const whole = Math.floor(seconds), pad = (value) => String(value).padStart(2, "0");
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  const days = Math.floor(whole / 86400), hours = Math.floor(whole / 3600) % 24;
  const clock = `${hours}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`;
  return days > 0 ? `${days} d ${clock}` : clock;
}

const placeLabel = (value) => (state.axis === "time" ? clock(value) : short(value));

// 1, 2 or 5 times a power of ten; for seconds, multiples of minutes, hours and days.
function stepOf(span, isTime) {
  if (isTime) {
    const own = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
    const found = own.find((step) => step >= span / 6);
    if (found && span >= 6) return found;
    if (!found) return 86400 * Math.max(1, stepOf(span / 86400, false));
  }
  const rough = span / 5, power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5].find((multiple) => multiple * power >= rough) || 10) * power;
}

function ticks(low, high, isLog, isTime) {
  if (isLog) {
    const found = [], multiples = high / low > 1e4 ? [1] : [1, 2, 5];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const multiple of multiples) found.push(multiple * 10 ** power);
    }
    const inside = found.filter((value) => value >= low && value <= high);
    if (inside.length > 2) return inside;
  }
  const step = stepOf(high - low || 1, isTime), found = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++) found.push(index * step);
  return found;
}

// A scale that maps numbers to pixels, and its inverse.
function scale(low, high, from, to, isLog) {
  const f = isLog ? Math.log : (value) => value, g = isLog ? Math.exp : (value) => value;
  const [a, b] = [f(low), f(high)];
  const place = (value) => from + (to - from) * (f(value) - a) / (b - a || 1);
  return Object.assign(place, { invert: (pixel) => g(a + (b - a) * (pixel - from) / (to - from || 1)) });
}

// Centred means over a window. At the beginning the window reaches to either side over an eighth of the preceding numbers
// at most; at the end it is cut off.
function smooth(values, width) {
  const reach = Math.floor(width / 2);
  if (reach < 1) return values;
  const sums = [0], counts = [0];
  values.forEach((value, index) => {
    sums.push(sums[index] + (value === null ? 0 : value));
    counts.push(counts[index] + (value === null ? 0 : 1));
  });
  return values.map((_, index) => {
    const own = Math.min(reach, Math.floor(index / 8)), [low, high] = [index - own, Math.min(values.length, index + own + 1)];
    const count = counts[high] - counts[low];
    return count === 0 ? null : (sums[high] - sums[low]) / count;
  });
}

// MARK: - Lines

// The lines of a measure over the chosen axis: { name, index, set, x, y, low, high, isMarked }. Colours distinguish runs;
// if there is only one run, they distinguish its sets.
function linesOf(measure) {
  const lines = [], isAlone = data.runs.length === 1;
  const sets = [...new Set(data.runs.flatMap((run) => (run.series[measure.id] || []).map((series) => series.name)))];
  data.runs.forEach((run, index) => {
    if (state.hidden.has(index)) return;
    const own = run.measures[measure.id];
    if (own && run.axes[state.axis]) {
      const width = measure.noisy ? state.smoothing / 100 * own.mean.length : 0;
      lines.push({ name: run.name, index, x: run.axes[state.axis], y: smooth(own.mean, width), low: own.low, high: own.high });
    }
    (run.series[measure.id] || []).forEach((series) => {
      if (!series.axes[state.axis]) return;
      const name = isAlone ? series.name : `${run.name}, ${series.name}`, place = sets.indexOf(series.name);
      const look = isAlone ? { index: place } : { index, set: place };
      lines.push({ name, ...look, x: series.axes[state.axis], y: series.values, isMarked: true });
    });
  });
  return lines;
}

function element(name, attributes, parent, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

function label(parent, line, text) {
  const span = document.createElement("span"), swatch = document.createElement("i");
  swatch.className = "swatch";
  swatch.style.borderTopColor = colour(line.index);
  swatch.style.borderTopStyle = dashes(line) ? "dashed" : "solid";
  span.append(swatch, text);
  parent.append(span);
}

// MARK: - Charts

class Chart {
  constructor(measure, parent) {
    this.measure = measure;
    const figure = document.createElement("figure"), title = document.createElement("h3");
    title.textContent = measure.title + (measure.unit ? `, ${measure.unit}` : "");
    this.names = Object.assign(document.createElement("div"), { className: "names" });
    this.svg = element("svg", { role: "img", "aria-label": measure.title });
    this.readout = Object.assign(document.createElement("div"), { className: "readout" });
    figure.append(title, this.names, this.svg, this.readout);
    parent.append(figure);
    this.svg.addEventListener("pointermove", (event) => this.move(event));
    this.svg.addEventListener("pointerleave", () => this.clear());
    this.svg.addEventListener("pointerdown", (event) => this.press(event));
    this.svg.addEventListener("pointerup", (event) => this.release(event));
    this.svg.addEventListener("pointercancel", () => this.cancel());
    this.svg.addEventListener("dblclick", () => zoomTo(null));
  }

  draw() {
    const { svg } = this;
    svg.replaceChildren();
    this.names.replaceChildren();
    this.readout.replaceChildren();
    this.lines = linesOf(this.measure);
    const width = this.width = svg.clientWidth || 600, height = this.height = svg.clientHeight || 300;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const fits = (line, i) => line.y[i] !== null && (!state.logX || line.x[i] > 0) && (!state.logY || line.y[i] > 0);
    const all = this.lines.flatMap((line) => line.x.filter((_, i) => fits(line, i)));
    if (all.length === 0) {
      element("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, svg, "nothing to draw over this axis");
      this.x = null;
      return;
    }
    const ends = all.reduce(([low, high], x) => [Math.min(low, x), Math.max(high, x)], [Infinity, -Infinity]);
    const [left, right] = state.zoom || [state.logX ? ends[0] : Math.min(0, ends[0]), ends[1]];
    let [low, high] = [Infinity, -Infinity];
    // The first twentieth falls steeply and does not set the vertical axis; it may be clipped.
    const outer = [], steep = state.zoom || state.logX || !this.measure.noisy ? left : left + (right - left) / 20;
    for (const line of this.lines) {
      const isLate = line.x[line.x.length - 1] >= steep;
      line.x.forEach((x, i) => {
        if (x < steep && isLate) return;
        if (x < left || x > right || !fits(line, i)) return;
        low = Math.min(low, line.y[i]);
        high = Math.max(high, line.y[i]);
        if (state.raw && line.low && line.low[i] !== null) outer.push(line.low[i], line.high[i]);
      });
    }
    // Most of the unsmoothed numbers: single spikes do not set the axis.
    outer.sort((a, b) => a - b);
    const few = Math.floor(outer.length / 500), inner = outer.slice(few, outer.length - few);
    for (const value of inner.length ? [inner[0], inner[inner.length - 1]] : []) {
      if (!state.logY || value > 0) { low = Math.min(low, value); high = Math.max(high, value); }
    }
    if (low > high) [low, high] = state.logY ? [0.1, 1] : [0, 1];
    if (low === high) [low, high] = state.logY ? [low / 2, high * 2] : [low - (Math.abs(low) || 1) / 10, high + (Math.abs(high) || 1) / 10];
    const room = state.logY ? (high / low) ** 0.04 : (high - low) * 0.04;
    [low, high] = state.logY ? [low / room, high * room] : [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
    const plot = { left: margin.left, right: width - margin.right, top: margin.top, bottom: height - margin.bottom };
    const x = this.x = scale(left, right, plot.left, plot.right, state.logX);
    const y = this.y = scale(low, high, plot.bottom, plot.top, state.logY);
    this.plot = plot;

    for (const value of ticks(low, high, state.logY, false)) {
      element("line", { class: "grid", x1: plot.left, x2: plot.right, y1: y(value), y2: y(value) }, svg);
      element("text", { x: plot.left - 6, y: y(value) + 4, "text-anchor": "end" }, svg, short(value));
    }
    let free = -Infinity;
    for (const value of ticks(left, right, state.logX, state.axis === "time")) {
      element("line", { class: "axis", x1: x(value), x2: x(value), y1: plot.bottom, y2: plot.bottom + 4 }, svg);
      const words = placeLabel(value), half = 3.2 * words.length;
      const middle = Math.min(x(value), width - half - 1);
      if (middle - half < free) continue;
      element("text", { x: middle, y: plot.bottom + 17, "text-anchor": "middle" }, svg, words);
      free = middle + half + 8;
    }
    element("line", { class: "axis", x1: plot.left, x2: plot.right, y1: plot.bottom, y2: plot.bottom }, svg);
    element("text", { x: (plot.left + plot.right) / 2, y: height - 6, "text-anchor": "middle" }, svg, axisTitles[state.axis]);

    const inside = element("svg", {
      x: plot.left, y: plot.top, width: plot.right - plot.left, height: plot.bottom - plot.top,
      viewBox: `${plot.left} ${plot.top} ${plot.right - plot.left} ${plot.bottom - plot.top}`,
    }, svg);
    // A line has gaps where numbers are missing.
    const path = (line, values) => {
      let text = "", isDown = false;
      line.x.forEach((place, i) => {
        const value = values[i];
        if (value === null || (state.logX && place <= 0) || (state.logY && value <= 0)) { isDown = false; return; }
        text += `${isDown ? "L" : "M"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
        isDown = true;
      });
      return text;
    };
    for (const line of this.lines) {
      if (!line.low || !state.raw || !this.measure.noisy) continue;
      const style = { stroke: colour(line.index), "stroke-width": 1, "stroke-opacity": 0.3 };
      element("path", { d: path(line, line.high), fill: "none", ...style }, inside);
      if (line.low.every((value, i) => value === line.high[i])) continue;
      // If a point represents several records: the area between their minimum and maximum.
      const shown = line.x.map((_, i) => i).filter((i) => fits(line, i) && (!state.logY || line.low[i] > 0));
      const corner = (i, values) => `${x(line.x[i]).toFixed(1)} ${y(values[i]).toFixed(1)}`;
      const around = shown.map((i) => corner(i, line.high)).concat(shown.reverse().map((i) => corner(i, line.low)));
      element("path", { d: `M${around.join("L")}Z`, fill: colour(line.index), "fill-opacity": 0.2 }, inside);
    }
    for (const line of this.lines) {
      const style = { fill: "none", stroke: colour(line.index), "stroke-width": 2, "stroke-linejoin": "round" };
      if (dashes(line)) style["stroke-dasharray"] = dashes(line);
      element("path", { d: path(line, line.y), ...style }, inside);
      if (line.isMarked && line.x.length <= 60) {
        line.x.forEach((place, i) => {
          if (line.y[i] !== null && place >= left && place <= right && fits(line, i)) {
            element("circle", { cx: x(place), cy: y(line.y[i]), r: 3, fill: colour(line.index) }, svg);
          }
        });
      }
      if (this.lines.length > 1 || data.runs.length > 1) label(this.names, line, line.name);
    }
    this.over = element("g", {}, svg);
  }

  // The pointer's position in the drawing's pixels.
  place(event) { return event.clientX - this.svg.getBoundingClientRect().left; }

  move(event) {
    if (!this.x) return;
    this.clear();
    const { left, right, top, bottom } = this.plot;
    const pixel = Math.max(left, Math.min(right, this.place(event))), wanted = this.x.invert(pixel);
    if (this.pressed !== undefined) {
      const width = Math.abs(pixel - this.pressed);
      element("rect", { class: "band", x: Math.min(pixel, this.pressed), y: top, width, height: bottom - top }, this.over);
    }
    let nearest = null;
    for (const line of this.lines) {
      let [low, high] = [0, line.x.length - 1];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (line.x[middle] < wanted) low = middle; else high = middle;
      }
      const at = Math.abs(line.x[low] - wanted) <= Math.abs(line.x[high] - wanted) ? low : high;
      if (line.y[at] === null || line.y[at] === undefined) continue;
      // A run without values at this position shows nothing.
      const isBeyond = wanted < line.x[0] || wanted > line.x[line.x.length - 1];
      if (isBeyond && Math.abs(this.x(line.x[at]) - pixel) > 10) continue;
      if (nearest === null || Math.abs(line.x[at] - wanted) < Math.abs(nearest - wanted)) nearest = line.x[at];
      const [cx, cy] = [this.x(line.x[at]), this.y(line.y[at])];
      if (cx >= left - 1 && cx <= right + 1) element("circle", { cx, cy, r: 4, fill: colour(line.index) }, this.over);
      const raw = line.low && this.measure.noisy
        ? ` (${line.low[at] === line.high[at] ? short(line.low[at]) : `${short(line.low[at])} to ${short(line.high[at])}`})` : "";
      label(this.readout, line, `${short(line.y[at])}${raw}`);
    }
    if (nearest === null) return;
    const at = this.x(nearest);
    if (at >= left && at <= right) element("line", { class: "cursor", x1: at, x2: at, y1: top, y2: bottom }, this.over);
    const words = state.axis === "steps" ? `step ${nearest}` : placeLabel(nearest);
    this.readout.prepend(Object.assign(document.createElement("span"), { textContent: words }));
  }

  clear() {
    if (this.over) this.over.replaceChildren();
    this.readout.replaceChildren();
  }

  press(event) {
    if (!this.x || event.button !== 0) return;
    this.pressed = Math.max(this.plot.left, Math.min(this.plot.right, this.place(event)));
    this.svg.setPointerCapture(event.pointerId);
  }

  // A touch that became a scroll does not zoom.
  cancel() {
    this.pressed = undefined;
    this.clear();
  }

  release(event) {
    if (this.pressed === undefined) return;
    const pixel = Math.max(this.plot.left, Math.min(this.plot.right, this.place(event))), from = this.pressed;
    this.pressed = undefined;
    if (Math.abs(pixel - from) > 5) zoomTo([this.x.invert(Math.min(pixel, from)), this.x.invert(Math.max(pixel, from))]);
  }
}

// MARK: - Page

const charts = data.measures.map((measure) => new Chart(measure, document.getElementById("charts")));
const reset = document.getElementById("reset");
function draw() {
  reset.disabled = state.zoom === null;
  for (const chart of charts) chart.draw();
}

function zoomTo(range) {
  state.zoom = range;
  draw();
}

function control(id, change) {
  const input = document.getElementById(id);
  input.addEventListener("input", () => { change(input); draw(); });
}

control("axis", (input) => { state.axis = input.value; state.zoom = null; });
control("logx", (input) => { state.logX = input.checked; state.zoom = null; });
control("logy", (input) => { state.logY = input.checked; });
control("raw", (input) => { state.raw = input.checked; });
control("smoothing", (input) => { state.smoothing = Number(input.value); });
reset.addEventListener("click", () => zoomTo(null));
for (const option of document.getElementById("axis").options) {
  option.disabled = !data.runs.some((run) => run.axes[option.value]);
}
if (data.runs.length > 1) {
  data.runs.forEach((run, index) => {
    const legend = document.getElementById("legend"), line = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    box.addEventListener("input", () => {
      if (box.checked) state.hidden.delete(index); else state.hidden.add(index);
      draw();
    });
    line.append(box);
    label(line, { index }, run.name);
    legend.append(line);
  });
}
let waiting = 0;
addEventListener("resize", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(draw); });
draw();
