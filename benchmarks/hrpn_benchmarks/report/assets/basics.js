"use strict";
// What all parts of the page use: the data, elements, and what a row is called.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

// Text is always set as text, so that names from files cannot become markup.
function filled(made, attributes, text) {
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}
const element = (name, attributes = {}, text = null) => filled(document.createElement(name), attributes, text);
const drawn = (name, attributes = {}, text = null) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, text);

const value = (row, key) => row.cells[key]?.[0] ?? null;
const text = (row, key) => row.cells[key]?.[1] ?? "";
const distinct = (rows, key) => [...new Set(rows.map((row) => value(row, key)))];
const number = (amount) => Number(amount.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });

// "p50, ms" of 12 becomes "p50 12 ms".
function told(name, amount) {
  const [what, unit] = name.split(", ");
  return [what, amount, unit].join(" ").trim();
}

const identity = data.columns.filter((column) => column.identity);
// "side, px" of 256 becomes "256 px", "threads" of 2 "2 threads"; a word stays alone.
function named(row, column) {
  const [name, unit] = column.name.split(", ");
  const amount = value(row, column.key);
  return typeof amount === "number" ? `${amount} ${unit ?? (amount === 1 ? name.replace(/e?s$/, "") : name)}` : text(row, column.key);
}

// A function that gives of each row what tells it from the others.
function labels(rows) {
  const differing = identity.filter((column) => column.key === "format" || distinct(rows, column.key).length > 1);
  return (row) => differing.filter((column) => value(row, column.key) !== null).map((column) => named(row, column)).join(", ");
}
