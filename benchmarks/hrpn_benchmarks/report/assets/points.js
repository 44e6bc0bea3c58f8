// Points that can be reached by keyboard: one stop of the Tab key for each plot, arrows within it.

function point(content, described, ring) {
  const made = drawn("g", { class: "point", role: "img", tabindex: -1, "aria-label": described });
  made.append(...content, drawn("rect", { class: "ring", ...ring }));
  return made;
}

// Say below the plot what the point under the cursor or the pointer is. It is the frame around the
// drawing that listens: Chromium makes a drawing that listens to the focus a stop of the Tab key.
function reachable(svg) {
  const frame = svg.parentNode;
  const points = [...svg.querySelectorAll(".point")];
  const reading = svg.closest("figure").querySelector(".reading");
  reading.textContent = "Point at a mark, or go to it with Tab and the arrow keys: here it says what it is.";
  if (points.length) points[0].setAttribute("tabindex", 0);
  const read = (event) => {
    const found = event.target.closest(".point");
    if (found) reading.textContent = found.getAttribute("aria-label");
  };
  frame.addEventListener("pointerover", read);
  frame.addEventListener("focusin", read);
  frame.addEventListener("keydown", (event) => {
    const now = points.indexOf(event.target.closest(".point"));
    const moves = { ArrowRight: now + 1, ArrowDown: now + 1, ArrowLeft: now - 1, ArrowUp: now - 1, Home: 0, End: points.length - 1 };
    const next = points[moves[event.key]];
    if (now < 0 || !(event.key in moves)) return;
    event.preventDefault();
    if (!next) return;
    points[now].setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
  });
}
