// Plots of points: accuracy against what it costs, and speed-up against threads.
const PEAK = "peak memory (byte)";

// Lower left is better on both axes: what no other point beats on both.
function front(points) {
  const ordered = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  const kept = [];
  for (const each of ordered) if (!kept.length || each.y < kept[kept.length - 1].y) kept.push(each);
  return kept;
}

// Points whose rows have the same in all these columns.
function grouped(points, keys) {
  const groups = new Map();
  for (const each of points) {
    const name = JSON.stringify(keys.map((key) => value(each.row, key)));
    groups.set(name, [...(groups.get(name) ?? []), each]);
  }
  return [...groups.values()];
}

const path = (points, x, y) => points.map((each, count) => `${count ? "L" : "M"}${x(each.x)} ${y(each.y)}`).join("");

function plotPoints(svg, points, x, y, described) {
  for (const each of points) {
    const placed = drawn("g", { transform: `translate(${x(each.x)} ${y(each.y)})` });
    placed.append(mark(kindOf(each.row)));
    const ring = { x: x(each.x) - 11, y: y(each.y) - 11, width: 22, height: 22, rx: 11 };
    svg.append(point([placed], described(each), ring));
  }
  reachable(svg);
}

function nothing(place, why) {
  place.replaceChildren(element("p", { class: "hint" }, why));
  place.closest("figure").querySelector(".reading").textContent = "";
}

function showTradeOff(id, rows, key, name) {
  const points = rows.map((row) => ({ x: value(row, key), y: value(row, "mse"), row })).filter(({ x, y }) => x > 0 && y !== null);
  if (!points.length) return nothing(byId(id), "No row here has both.");
  points.sort((a, b) => a.x - b.x);
  const height = 360, left = 64, top = 12, bottom = height - 44;
  const [svg, width] = canvas(byId(id), height, `Mean squared error against ${name}, ${points.length} points`);
  const ys = points.map((each) => each.y);
  const [least, most] = [Math.min(...ys), Math.max(...ys)];
  const room = (most - least || Math.abs(most) || 1) * 0.12;
  const x = withEnds(scale(points[0].x / 1.25, points[points.length - 1].x * 1.25, left, width - 12, true), left, width - 12);
  const y = withEnds(scale(least - room, most + room, bottom, top, false), top, bottom);
  horizontalAxis(svg, x, top, bottom, name);
  verticalAxis(svg, y, left, width - 12, "mean squared error, grey levels²");
  for (const group of grouped(points, ["scenario", "device", "side", "batch", "threads", "processes"])) {
    svg.append(drawn("path", { class: "front", d: path(front(group), x, y) }));
  }
  plotPoints(svg, points, x, y, (each) => `${each.row.title}: ${told(name, text(each.row, key))}, MSE ${text(each.row, "mse")}`);
}

function showScaling(rows) {
  const points = rows.map((row) => ({ x: value(row, "threads"), y: value(row, "speed-up"), row })).filter(({ y }) => y !== null);
  byId("scaled").hidden = !points.length;
  if (!points.length) return;
  const height = 320, left = 52, top = 12, bottom = height - 44;
  const [svg, width] = canvas(byId("scaling"), height, `Speed-up against threads, ${points.length} points`);
  const most = Math.max(2, ...points.map((each) => each.x));
  const highest = 1.05 * Math.max(1.2, ...points.map((each) => each.y), Math.min(most, 2));
  const right = Math.min(width - 16, left + 640);
  const x = withEnds(scale(0.9, most * 1.1, left, right, true), left, right);
  x.logarithmic = false; // need not be said of threads
  x.ticks = distinct(rows, "threads").sort((a, b) => a - b);
  const y = withEnds(scale(0, highest, bottom, top, false), top, bottom);
  horizontalAxis(svg, x, top, bottom, "threads");
  verticalAxis(svg, y, left, right, "speed-up");
  const ideal = Array.from({ length: 33 }, (_, count) => most ** (count / 32)).filter((each) => each <= highest);
  svg.append(drawn("path", { class: "ideal", fill: "none", d: path(ideal.map((each) => ({ x: each, y: each })), x, y) }));
  for (const group of grouped(points, ["model", "format", "runtime", "device", "side"])) {
    group.sort((a, b) => a.x - b.x);
    svg.append(drawn("path", { class: `joined colour-${kindOf(group[0].row) % COLOURS}`, d: path(group, x, y) }));
  }
  plotPoints(svg, points, x, y, (each) => `${each.row.title}: ${text(each.row, "speed-up")} times as fast as with one thread`);
}
