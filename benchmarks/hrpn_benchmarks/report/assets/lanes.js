// Plots with a lane for each row: all its times, or its memory.
const GROWTH = "memory growth (byte)";
// The column of so many bytes on a GPU, if there is one.
const ofGpu = (word) => data.columns.find(({ key }) => /gpu/i.test(key) && key.includes(word) && key.endsWith("(byte)"))?.key;
const FEW = 40; // lanes that are drawn at once; more on demand
const unfolded = new Set();

// A lane has its label beside it, or above it where there is little room.
function lanes(id, rows, axis, name, draw, described) {
  const place = byId(id);
  if (!rows.length) return nothing(place, "No row here has any.");
  const lines = unfolded.has(id) ? rows : rows.slice(0, FEW);
  const narrow = place.clientWidth < 760;
  const [high, left] = [narrow ? 46 : 28, narrow ? 10 : 330];
  const bottom = lines.length * high + 6;
  const [svg, width] = canvas(place, bottom + 44, `${name} of ${lines.length} rows`);
  const right = width - 24;
  const x = withEnds(scale(...axis.range, left, right, axis.logarithmic), left, right);
  horizontalAxis(svg, x, 0, bottom, name);
  const label = labels(rows);
  lines.forEach((row, count) => {
    const y = count * high + (narrow ? 31 : 15);
    const at = narrow ? { x: left, y: y - 16 } : { x: left - 8, y: y + 4, "text-anchor": "end" };
    const room = Math.floor((narrow ? width - 16 : left - 8) / 6.6);
    svg.append(drawn("text", at, shortened(label(row), room)));
    const ring = { x: left - 4, y: y - 13, width: right - left + 8, height: 26, rx: 4 };
    svg.append(point(draw(row, x, y), described(row), ring));
  });
  reachable(svg);
  if (lines.length < rows.length) place.append(unfolding(id, rows.length));
}

const shortened = (words, room) => (words.length > room ? `${words.slice(0, room - 1)}…` : words);

function unfolding(id, count) {
  const button = element("button", { type: "button", class: "plain" }, `Draw all ${count} rows, not only the first ${FEW}`);
  button.addEventListener("click", () => {
    unfolded.add(id);
    show();
    byId(id).querySelector(".point").focus();
  });
  return button;
}

// From zero, unless what is to be compared differs too much for that.
function rangeOf(values) {
  const [least, most] = values.reduce(([low, high], each) => [Math.min(low, each), Math.max(high, each)], [Infinity, 0]);
  const logarithmic = least > 0 && most / least > 30;
  return { logarithmic, range: logarithmic ? [least / 1.15, most * 1.15] : [0, most * 1.03 || 1] };
}

// One path for all dots of a row: hundreds of rows stay quick. Heights repeat late, like no grid.
function dots(samples, x, y) {
  const place = (each, count) => `M${x(each).toFixed(1)} ${(y - 7 + 14 * ((count * 0.618) % 1)).toFixed(1)}h0`;
  return drawn("path", { class: "sample", d: samples.map(place).join("") });
}

function showTimes(rows) {
  const timed = rows.filter((row) => row.times);
  const axis = rangeOf(timed.flatMap((row) => row.times.drawn));
  const thinned = timed.some(({ times }) => times.drawn.length < times.count);
  byId("thinned").textContent = thinned ? " Of many samples those far from the box are drawn, and evenly many of the others." : "";
  const names = [...new Set(timed.map((row) => row.times.name))].join(" or ");
  lanes("times", timed, axis, `${names}, ms`, ({ times }, x, y) => {
    const [first, median, third] = times.quartiles.map(x);
    return [
      drawn("rect", { class: "box", x: first, y: y - 9, width: Math.max(1, third - first), height: 18 }),
      dots(times.drawn, x, y),
      drawn("line", { class: "median", x1: median, x2: median, y1: y - 11, y2: y + 11 }),
    ];
  }, (row) => {
    const [first, median, third] = row.times.quartiles.map(number);
    return `${row.title}: ${row.times.name}, median ${median} ms, middle half ${first} to ${third} ms, p99 ${text(row, "p99")} ms, ${row.times.count} samples`;
  });
}

function bars(id, rows, whole, part, name, inner) {
  const weighed = rows.filter((row) => value(row, whole) !== null);
  const range = [0, 1.03 * Math.max(1e-9, ...weighed.map((row) => value(row, whole)))];
  lanes(id, weighed, { range, logarithmic: false }, name, (row, x, y) => {
    const [all, some] = [value(row, whole), value(row, part) ?? 0];
    const [from, to] = inner === "end" ? [Math.max(0, all - some), all] : [some, all];
    const bar = (kind, start, end) => drawn("rect", { class: kind, x: x(start), y: y - 8, width: Math.max(0, x(end) - x(start)), height: 16 });
    return [bar("bar", 0, all), bar("growth", from, to)];
  }, (row) => [whole, part].filter((key) => value(row, key) !== null)
    .reduce((said, key) => `${said} ${told(data.columns.find((column) => column.key === key).name, text(row, key))},`, `${row.title}:`).slice(0, -1));
}

function showMemory(rows) {
  bars("memory", rows, PEAK, GROWTH, "peak memory, MB", "end");
  const onGpu = ofGpu("peak");
  byId("on-gpu").hidden = !rows.some((row) => value(row, onGpu) !== null);
  if (!byId("on-gpu").hidden) bars("gpu-memory", rows, onGpu, ofGpu("steady"), "peak memory of the GPU, MB", "start");
}
