// Scales, their ticks, and the axes that show them.

// A scale takes a value to a place between two ends; with many orders of magnitude it is logarithmic.
function scale(low, high, start, end, logarithmic) {
  const bend = logarithmic ? Math.log10 : (amount) => amount;
  const [first, last] = [bend(low), bend(high)];
  const place = (amount) => start + ((bend(amount) - first) / (last - first || 1)) * (end - start);
  return Object.assign(place, { ticks: logarithmic ? decades(low, high) : steps(low, high), logarithmic });
}

// Round numbers between two values: 1, 2 or 5 times a power of ten apart, about eight of them.
function steps(low, high) {
  const rough = (high - low) / 8 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let count = Math.ceil(low / step); count * step <= high * (1 + 1e-9); count += 1) found.push(count * step);
  return found;
}

// 1, 2 and 5 times powers of ten; only the powers where those would be many; even steps where few.
function decades(low, high) {
  for (const factors of [[1], [1, 2, 5]]) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
      for (const factor of factors) found.push(factor * 10 ** power);
    }
    const within = found.filter((tick) => tick >= low && tick <= high);
    if (within.length >= 3) return within;
  }
  return steps(low, high).filter((tick) => tick > 0);
}

// Ticks that are far enough apart for their numbers.
function spaced(axis, room) {
  let last = -Infinity;
  return axis.ticks.filter((tick) => {
    const fits = Math.abs(axis(tick) - last) >= room;
    if (fits) last = axis(tick);
    return fits;
  });
}

function horizontalAxis(svg, x, top, bottom, name) {
  const [left, right] = x.ends;
  for (const tick of spaced(x, 45)) {
    svg.append(drawn("line", { class: "grid", x1: x(tick), x2: x(tick), y1: top, y2: bottom }));
    svg.append(drawn("text", { x: x(tick), y: bottom + 16, "text-anchor": "middle" }, number(tick)));
  }
  svg.append(drawn("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
  const note = x.logarithmic ? `${name} (logarithmic)` : name;
  svg.append(drawn("text", { x: (left + right) / 2, y: bottom + 34, "text-anchor": "middle" }, note));
}

function verticalAxis(svg, y, left, right, name) {
  const [top, bottom] = y.ends;
  for (const tick of y.ticks) {
    svg.append(drawn("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }));
    svg.append(drawn("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, number(tick)));
  }
  svg.append(drawn("line", { class: "axis", x1: left, x2: left, y1: top, y2: bottom }));
  const middle = (top + bottom) / 2;
  svg.append(drawn("text", { x: 13, y: middle, transform: `rotate(-90 13 ${middle})`, "text-anchor": "middle" }, name));
}

// An empty drawing as wide as its place, so that letters have their size on a narrow screen, too.
function canvas(place, height, name) {
  const width = Math.max(280, place.clientWidth);
  const svg = drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": name });
  const frame = element("div");
  frame.append(svg);
  place.replaceChildren(frame);
  return [svg, width];
}

function withEnds(axis, ...ends) {
  return Object.assign(axis, { ends });
}
