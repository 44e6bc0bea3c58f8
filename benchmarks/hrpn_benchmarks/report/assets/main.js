// The page: what never changes, and what is shown anew after each choice.

// Times of a start and of a tile cannot be compared, so the plots are of one scenario.
function plottedRows(rows) {
  const scenarios = distinct(rows.filter((row) => row.times), "scenario");
  const scenario = scenarios.includes("tile") ? "tile" : scenarios[0];
  byId("plotted").textContent = scenarios.length > 1
    ? `All but speed-up are of the scenario ${scenario}; the filter above chooses another.`
    : scenarios.length ? `Scenario ${scenario}.` : "";
  return rows.filter((row) => value(row, "scenario") === scenario);
}

function show() {
  const rows = shownRows();
  byId("count").textContent = `${rows.length} of ${data.rows.length} rows`;
  showTable(rows);
  showPlots(rows);
}

function showPlots(rows) {
  const plotted = plottedRows(rows);
  showMarks([...plotted, ...rows.filter((row) => value(row, "speed-up") !== null)]);
  showTradeOff("by-latency", plotted, "p50", `median ${plotted[0]?.times?.name ?? "time"}, ms`);
  showTradeOff("by-memory", plotted, PEAK, "peak memory, MB");
  showScaling(rows);
  showTimes(plotted);
  showMemory(plotted);
}

// Any value of the machine or the plan, in words; empty if there is none.
function inWords(given, name = "") {
  if (given === null) return "";
  if (typeof given === "number") return name.includes("memory") ? `${number(given / 1e9)} GB` : `${Number(given.toPrecision(6))}`;
  if (Array.isArray(given)) return given.map((each) => inWords(each, name)).join(", ");
  if (typeof given === "object") return Object.entries(given).map(([name, each]) => `${name} ${inWords(each, name)}`).join(", ");
  return String(given);
}

function makeAbout() {
  const about = data.about.environment;
  byId("machine").textContent = `${about.processor}, ${about.cores} cores, ${about.system}`;
  for (const [part, fields] of Object.entries(data.about)) {
    const list = element("dl");
    for (const [name, given] of Object.entries(fields ?? {})) {
      const words = inWords(given, name);
      if (words) list.append(element("dt", {}, name.replaceAll("_", " ")), element("dd", {}, words));
    }
    byId("about").append(element("h3", {}, part[0].toUpperCase() + part.slice(1)), list);
  }
  byId("advice").hidden = !data.advice.length;
  byId("advice").textContent = data.advice.map((line) => `${line}.`).join(" ");
  byId("busy").hidden = !data.busy;
  byId("busy").textContent = data.busy ? `${data.busy[0].toUpperCase()}${data.busy.slice(1)}.` : "";
  byId("mark").textContent = `† Meanwhile other processes used more than ${Math.round(100 * data.disturbed)} % of the machine's cores.`;
}

function makeList(section, list, lines) {
  byId(section).hidden = !lines.length;
  byId(list).replaceChildren(...lines.map((each) => element("li", {}, each)));
}

makeAbout();
makeList("failed", "failures", data.rows.filter((row) => row.failure).map((row) => `${row.title}: ${row.failure}`));
makeList("missing", "reasons", data.unavailable);
makeFilters();
makeTable();
makeMarks();
show();
let width = window.innerWidth;
window.addEventListener("resize", () => {
  if (width === window.innerWidth) return;
  width = window.innerWidth;
  showPlots(shownRows());
});
