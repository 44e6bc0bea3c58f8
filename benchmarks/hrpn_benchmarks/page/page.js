"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const columns = [
  ["model", "network"], ["format", "format"], ["runtime", "runtime"], ["scenario", "scenario"],
  ["side", "side, px"], ["threads", "threads"], ["p50", "median, ms"], ["p95", "p95, ms"],
  ["p99", "p99, ms"], ["speed", "Mpx/s"], ["peak", "peak, MB"], ["growth", "growth, MB"],
  ["size", "file, MB"], ["mse", "MSE"], ["r2", "R²"], ["largest", "from float32"],
];
const filtered = ["model", "format", "runtime", "scenario", "side", "threads"];
let sort = { key: null, up: true };

const byId = (id) => document.getElementById(id);
const number = (value) => (typeof value === "number" ? Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 6 }) : value);
const title = (row) => `${row.model} ${row.format} (${row.runtime}), ${row.scenario}, ${row.side} px, ${row.threads} threads`;

function element(name, attributes = {}, text = null, space = null) {
  const made = space ? document.createElementNS(space, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}
const drawn = (name, attributes, text = null) => element(name, attributes, text, "http://www.w3.org/2000/svg");

function makeFilters() {
  for (const key of filtered) {
    const values = [...new Set(data.rows.map((row) => row[key]))];
    if (values.length < 2) continue;
    const label = element("label", {}, columns.find(([name]) => name === key)[1]);
    const select = element("select", { name: key });
    select.append(element("option", { value: "" }, "all"));
    for (const value of values) select.append(element("option", { value }, value));
    // a start and a tile are no times to be compared, so not all scenarios are shown at first
    if (key === "scenario" && values.includes("tile")) select.value = "tile";
    label.append(select);
    byId("filters").append(label);
  }
  byId("filters").addEventListener("change", show);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
}

function chosen() {
  const wanted = [...new FormData(byId("filters"))].filter(([, value]) => value !== "");
  const rows = data.rows.filter((row) => wanted.every(([key, value]) => String(row[key]) === value));
  if (sort.key === null) return rows;
  const sign = sort.up ? 1 : -1;
  return [...rows].sort((one, other) => {
    const [a, b] = [one[sort.key], other[sort.key]];
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b));
  });
}

function makeHead() {
  const head = element("tr");
  for (const [key, name] of columns) {
    const cell = element("th", { scope: "col", "data-key": key });
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => {
      sort = { key, up: sort.key === key ? !sort.up : true };
      show();
    });
    cell.append(button);
    head.append(cell);
  }
  const part = element("thead");
  part.append(head);
  byId("rows").append(part, element("tbody"));
}

function showTable(rows) {
  for (const cell of byId("rows").querySelectorAll("th")) {
    if (cell.dataset.key === sort.key) cell.setAttribute("aria-sort", sort.up ? "ascending" : "descending");
    else cell.removeAttribute("aria-sort");
  }
  byId("rows").querySelector("tbody").replaceChildren(...rows.map((row) => {
    const line = element("tr");
    for (const [key] of columns) line.append(element("td", {}, row[key] === null ? "–" : number(row[key])));
    return line;
  }));
}

// Lower left is better on both axes: what no other row beats on both.
function front(points) {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  const kept = [];
  for (const point of sorted) if (!kept.length || point.y < kept[kept.length - 1].y) kept.push(point);
  return kept;
}

function scatter(id, rows, key, unit) {
  const svg = byId(id), width = 560, height = 340, left = 60, bottom = 40;
  const points = rows.filter((row) => row[key] > 0 && row.mse !== null).map((row) => ({ x: row[key], y: row.mse, row }));
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("aria-label", `${points.length} rows, mean squared error against ${unit}`);
  if (!points.length) return svg.append(drawn("text", { x: 20, y: 30 }, "No row here has both."));
  const [lowX, highX] = [Math.min(...points.map((p) => p.x)) / 1.2, Math.max(...points.map((p) => p.x)) * 1.2];
  const [minY, maxY] = [Math.min(...points.map((p) => p.y)), Math.max(...points.map((p) => p.y))];
  const pad = (maxY - minY || maxY || 1) * 0.15;
  const x = (value) => left + (Math.log(value / lowX) / Math.log(highX / lowX)) * (width - left - 20);
  const y = (value) => 15 + ((maxY + pad - value) / (maxY - minY + 2 * pad)) * (height - bottom - 15);
  svg.append(drawn("line", { class: "axis", x1: left, x2: width - 10, y1: height - bottom, y2: height - bottom }));
  svg.append(drawn("line", { class: "axis", x1: left, x2: left, y1: 10, y2: height - bottom }));
  svg.append(drawn("text", { x: width / 2, y: height - 5, "text-anchor": "middle" }, `${unit}, logarithmic`));
  for (const value of [lowX * 1.2, Math.sqrt(lowX * highX), highX / 1.2]) svg.append(drawn("text", { x: x(value), y: height - 22, "text-anchor": "middle" }, number(value)));
  for (const value of new Set([minY, maxY])) svg.append(drawn("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, number(value)));
  svg.append(drawn("text", { x: 12, y: height / 2, transform: `rotate(-90 12 ${height / 2})`, "text-anchor": "middle" }, "mean squared error"));
  svg.append(drawn("polyline", { class: "front", points: front(points).map((p) => `${x(p.x)},${y(p.y)}`).join(" ") }));
  for (const point of points) {
    const dot = drawn("circle", { class: "dot", cx: x(point.x), cy: y(point.y), r: 5, tabindex: 0, "aria-label": `${title(point.row)}: ${number(point.x)} ${unit}, MSE ${number(point.y)}` });
    dot.append(drawn("title", {}, `${title(point.row)}\n${number(point.x)} ${unit}, MSE ${number(point.y)}`));
    svg.append(dot);
  }
}

function lanes(id, rows, draw, largest, name) {
  const svg = byId(id), width = 1100, left = 470, lane = 22;
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${rows.length * lane + 30}`);
  svg.setAttribute("aria-label", `${name} of ${rows.length} rows`);
  const x = (value) => left + (value / (largest || 1)) * (width - left - 20);
  rows.forEach((row, index) => {
    const y = index * lane + 12;
    svg.append(drawn("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, title(row)));
    draw(svg, row, x, y);
  });
  svg.append(drawn("text", { x: left, y: rows.length * lane + 22 }, "0"));
  svg.append(drawn("text", { x: width - 20, y: rows.length * lane + 22, "text-anchor": "end" }, number(largest)));
}

function showTimes(rows) {
  const timed = rows.filter((row) => row.times);
  lanes("times", timed, (svg, row, x, y) => {
    for (const value of row.times) svg.append(drawn("circle", { class: "sample", cx: x(value), cy: y, r: 3 }));
    svg.append(drawn("line", { class: "median", x1: x(row.p50), x2: x(row.p50), y1: y - 8, y2: y + 8 }));
  }, Math.max(0, ...timed.flatMap((row) => row.times)), "times");
}

function showMemory(rows) {
  const weighed = rows.filter((row) => row.peak !== null);
  lanes("memory", weighed, (svg, row, x, y) => {
    svg.append(drawn("rect", { class: "bar", x: x(0), y: y - 7, width: x(row.peak) - x(0), height: 14 }));
    const start = row.peak - (row.growth ?? 0);
    svg.append(drawn("rect", { class: "growth", x: x(start), y: y - 7, width: x(row.peak) - x(start), height: 14 }));
  }, Math.max(0, ...weighed.map((row) => row.peak)), "peak memory");
}

function show() {
  const rows = chosen();
  byId("count").textContent = `${rows.length} of ${data.rows.length} rows`;
  showTable(rows);
  scatter("by-latency", rows, "p50", "ms");
  scatter("by-memory", rows, "peak", "MB");
  showTimes(rows);
  showMemory(rows);
}

const about = data.environment;
byId("machine").textContent = `${about.processor}, ${about.cores} cores, ${about.system}; ` + Object.entries(about.versions).map(([name, version]) => `${name} ${version}`).join(", ");
if (data.busy) { byId("busy").hidden = false; byId("busy").textContent = data.busy; }
const failures = data.rows.filter((row) => row.failure);
byId("failed").hidden = !failures.length;
byId("failures").replaceChildren(...failures.map((row) => element("li", {}, `${title(row)}: ${row.failure}`)));
makeFilters();
makeHead();
show();
