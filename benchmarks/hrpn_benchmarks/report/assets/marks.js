// Marks that differ in colour and in shape, and their legend.

// Outlines around 0, 0 that look alike in size; first filled, then hollow, so that 14 kinds can be told
// apart without their colours.
const SHAPES = [
  "M6 0A6 6 0 1 1 -6 0A6 6 0 1 1 6 0Z",
  "M-5.5 -5.5H5.5V5.5H-5.5Z",
  "M0 -7L6.5 5H-6.5Z",
  "M0 -7.5L6.5 0L0 7.5L-6.5 0Z",
  "M-2.2 -7H2.2V-2.2H7V2.2H2.2V7H-2.2V2.2H-7V-2.2H-2.2Z",
  "M0 7L6.5 -5H-6.5Z",
  "M-6.5 -3.4L-3.4 -6.5L0 -3.1L3.4 -6.5L6.5 -3.4L3.1 0L6.5 3.4L3.4 6.5L0 3.1L-3.4 6.5L-6.5 3.4L-3.1 0Z",
];
const COLOURS = 6;
const marks = {};

// The same value has the same mark whatever is filtered.
function markBy(key) {
  Object.assign(marks, { key, kinds: distinct(data.rows, key) });
}
const kindOf = (row) => marks.kinds.indexOf(value(row, marks.key));

function mark(kind) {
  const hollow = Math.floor(kind / SHAPES.length) % 2 ? " hollow" : "";
  return drawn("path", { class: `mark colour-${kind % COLOURS}${hollow}`, d: SHAPES[kind % SHAPES.length] });
}

function makeMarks() {
  const choice = element("select", { id: "marks-by" });
  for (const key of ["model", "format", "runtime"]) {
    choice.append(element("option", { value: key }, data.columns.find((column) => column.key === key).name));
  }
  markBy(distinct(data.rows, "model").length > 1 ? "model" : "format");
  choice.value = marks.key;
  choice.addEventListener("change", () => {
    markBy(choice.value);
    show();
  });
  byId("marks").append(element("label", { for: "marks-by" }, "Marks tell apart by "), choice, element("ul"));
}

function showMarks(rows) {
  const kinds = new Map(rows.map((row) => [kindOf(row), text(row, marks.key)]));
  const items = [...kinds].sort(([a], [b]) => a - b).map(([kind, name]) => {
    const item = element("li");
    const icon = drawn("svg", { width: 18, height: 18, viewBox: "-9 -9 18 18", "aria-hidden": "true" });
    icon.append(mark(kind));
    item.append(icon, element("span", {}, name));
    return item;
  });
  byId("marks").querySelector("ul").replaceChildren(...items);
}
