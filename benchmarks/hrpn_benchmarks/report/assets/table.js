// Filters, and the table that they and the headings of its columns govern.
const FILTERED = ["model", "format", "runtime", "device", "scenario", "side", "batch", "threads", "processes"];
const sort = { key: null, up: true };

function makeFilters() {
  const form = byId("filters");
  for (const column of data.columns.filter(({ key }) => FILTERED.includes(key))) {
    const values = distinct(data.rows, column.key);
    if (values.length < 2) continue;
    if (values.every((each) => typeof each === "number")) values.sort((a, b) => a - b);
    const made = element("label", {}, column.name);
    const select = element("select", { name: column.key });
    select.append(element("option", { value: "" }, "all"));
    for (const each of values) select.append(element("option", { value: each }, each));
    made.append(select);
    form.append(made);
  }
  const all = element("button", { type: "button", class: "plain" }, "Show all rows");
  all.addEventListener("click", () => {
    form.reset();
    show();
  });
  if (form.children.length) form.append(all);
  else form.hidden = true;
  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
}

function shownRows() {
  const wanted = [...new FormData(byId("filters"))].filter(([, chosen]) => chosen !== "");
  const rows = data.rows.filter((row) => wanted.every(([key, chosen]) => String(value(row, key)) === chosen));
  if (sort.key === null) return rows;
  const sign = sort.up ? 1 : -1;
  return rows.sort((one, other) => {
    const [a, b] = [value(one, sort.key), value(other, sort.key)];
    if (a === null || b === null) return (a === null) - (b === null); // empty cells last, either way
    return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  });
}

const isWord = (column) => data.rows.some((row) => typeof value(row, column.key) === "string");

function makeTable() {
  const head = element("tr");
  for (const column of data.columns) {
    const cell = element("th", { scope: "col", "data-key": column.key, title: column.about, class: isWord(column) ? "word" : "" });
    const button = element("button", { type: "button" }, column.name);
    button.addEventListener("click", () => {
      Object.assign(sort, { key: column.key, up: sort.key === column.key ? !sort.up : true });
      show();
    });
    cell.append(button);
    head.append(cell);
  }
  const part = element("thead");
  part.append(head);
  byId("table").append(part, element("tbody"));
}

// Left out: what no shown row has, and what need not be said of each since all have it.
function isSpare(column, rows) {
  const values = distinct(rows, column.key);
  return column.key !== sort.key && values.length < 2 && (column.optional || (values[0] ?? null) === null);
}

function showTable(rows) {
  const spare = data.columns.filter((column) => isSpare(column, rows));
  for (const cell of byId("table").querySelectorAll("thead th")) {
    cell.hidden = spare.some(({ key }) => key === cell.dataset.key);
    if (cell.dataset.key === sort.key) cell.setAttribute("aria-sort", sort.up ? "ascending" : "descending");
    else cell.removeAttribute("aria-sort");
  }
  const columns = data.columns.filter((column) => !spare.includes(column)).map((column) => [column.key, isWord(column) ? "word" : ""]);
  byId("table").querySelector("tbody").replaceChildren(...rows.map((row) => line(row, columns)));
  const common = spare.filter(({ key }) => rows.length && value(rows[0], key) !== null);
  byId("common").textContent = common.map((column) => `${column.name}: ${text(rows[0], column.key)}`).join("; ");
  byId("mark").hidden = !rows.some((row) => row.disturbed);
}

function line(row, columns) {
  const made = element("tr");
  for (const [key, kind] of columns) {
    const cell = element(key === "model" ? "th" : "td", { class: kind }, text(row, key) || "–");
    if (key === "model") {
      filled(cell, { scope: "row", title: row.title }, null);
      if (row.disturbed) cell.append(element("span", { class: "flag" }, " †"));
      if (row.failure) cell.append(element("span", { class: "flag", title: row.failure }, " ✕"));
    }
    made.append(cell);
  }
  return made;
}
