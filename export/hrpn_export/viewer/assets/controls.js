"use strict";
// The panel beside the image: where each layer is shown, how strongly, and its contrast.
(() => {
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const PLACES = { none: "hidden", all: "everywhere", left: "left", right: "right" };
  const NOTHING = { place: "none", opacity: 1 };

  // Name of a view: where its layers are.
  const views = (layers) => {
    const inputs = layers.filter((layer) => layer.kind === "input");
    const everywhere = (some) => Object.fromEntries(some.map((layer) => [layer.key, "all"]));
    const measured = layers.some((layer) => layer.kind === "truth");
    const found = measured
      ? {
        "measured | predicted": { truth: "left", prediction: "right" },
        "measured | error": { truth: "left", error: "right" },
      }
      : { predicted: { prediction: "all" } };
    found[`predicted + ${inputs[0].title}`] = { prediction: "all", ...everywhere(inputs.slice(0, 1)) };
    found.inputs = everywhere(inputs);
    if (layers.some((layer) => layer.kind === "upper")) found["lower | upper"] = { lower: "left", upper: "right" };
    return found;
  };

  /** Rows of layers; `changed` is told after every change. Returns states, cells of values. */
  hrpn.layerControls = (data, body, buttons, changed) => {
    const states = {};
    const cells = {};
    const rows = {};
    for (const layer of data.layers) {
      const state = (states[layer.key] = { ...NOTHING });
      const place = make("select", { "aria-label": `where ${layer.title} is shown` });
      for (const [value, text] of Object.entries(PLACES)) place.append(make("option", { value }, text));
      const opacity = make("input", {
        type: "range", min: 0, max: 100, value: 100, "aria-label": `opacity of ${layer.title}`,
      });
      place.onchange = () => { state.place = place.value; changed(); };
      opacity.oninput = () => { state.opacity = opacity.value / 100; changed(); };
      cells[layer.key] = make("td", { class: "number", "data-value": layer.key }, "\u2013");
      rows[layer.key] = { place, opacity };
      body.append(make("tr", { "data-layer": layer.key },
        make("th", { scope: "row" }, layer.title), cells[layer.key], make("td", {}, place), make("td", {}, opacity)));
    }
    const show = (places) => {
      for (const [key, state] of Object.entries(states)) {
        state.place = places[key] ?? "none";
        rows[key].place.value = state.place;
      }
      changed();
    };
    for (const [name, places] of Object.entries(views(data.layers))) {
      const button = make("button", { type: "button" }, name);
      button.onclick = () => show(places);
      buttons.append(button);
    }
    const measured = data.layers.some((layer) => layer.kind === "truth");
    show(measured ? { truth: "left", prediction: "right" } : views(data.layers).inputs);
    return { states, cells, show };
  };

  const ramp = (layer) => {
    const canvas = make("canvas", { width: 256, height: 1, class: "ramp", "aria-hidden": "true" });
    const context = canvas.getContext("2d");
    const image = context.createImageData(256, 1);
    new Uint32Array(image.data.buffer).set(hrpn.palette(layer.colours));
    context.putImageData(image, 0, 0);
    return canvas;
  };

  /** Contrast of one scale: two sliders that cannot pass each other. */
  const contrast = (scale, name, layer, changed) => {
    const start = { low: scale.low, high: scale.high };
    const range = scale.max - scale.min;
    const [lowName, highName] = scale.symmetric ? ["lowest", "highest"] : ["darkest", "brightest"];
    const slider = (which, end) => make("input", {
      type: "range", min: scale.min, max: scale.max, step: range / 1000,
      "aria-label": `${which} of ${name}`, "data-end": end,
    });
    const [low, high] = [slider(lowName, "low"), slider(highName, "high")];
    const [lowText, highText] = [make("output"), make("output")];
    const write = () => {
      [low.value, high.value] = [scale.low, scale.high];
      [lowText.textContent, highText.textContent] = [hrpn.digits(scale.low), hrpn.digits(scale.high)];
    };
    const least = range / 1000;
    low.oninput = () => {
      scale.low = Math.min(Number(low.value), scale.symmetric ? -least : scale.high - least);
      if (scale.symmetric) scale.high = -scale.low;
      write();
      changed();
    };
    high.oninput = () => {
      scale.high = Math.max(Number(high.value), scale.symmetric ? least : scale.low + least);
      if (scale.symmetric) scale.low = -scale.high;
      write();
      changed();
    };
    const reset = make("button", { type: "button", "aria-label": `reset contrast of ${name}` }, "reset");
    reset.onclick = () => { Object.assign(scale, start); write(); changed(); };
    write();
    return make("div", { class: "scale", "data-scale": name },
      make("div", { class: "scale-head" }, make("strong", {}, name), reset), ramp(layer),
      make("label", {}, make("span", {}, lowName), low, lowText),
      make("label", {}, make("span", {}, highName), high, highText));
  };

  /** Contrast of all scales; `changed` is told which. */
  hrpn.contrastControls = (data, parent, changed) => {
    for (const [name, scale] of Object.entries(data.scales)) {
      const layer = data.layers.find((one) => one.scale === name);
      parent.append(contrast(scale, name, layer, () => changed(name)));
    }
  };

  /** The divider: dragged, or moved by arrow keys. Returns its place, 0 to 1 of the width. */
  hrpn.divider = (element, box, changed) => {
    const state = { share: 0.5 };
    const move = (share) => {
      state.share = Math.min(1, Math.max(0, share));
      element.style.left = `${100 * state.share}%`;
      element.setAttribute("aria-valuenow", Math.round(100 * state.share));
      changed();
    };
    element.onpointerdown = (event) => { element.setPointerCapture(event.pointerId); event.preventDefault(); element.focus(); };
    element.onpointermove = (event) => {
      if (!element.hasPointerCapture(event.pointerId)) return;
      const outline = box.getBoundingClientRect();
      move((event.clientX - outline.left) / outline.width);
    };
    element.onkeydown = (event) => {
      const to = { ArrowLeft: state.share - 0.02, ArrowRight: state.share + 0.02, Home: 0, End: 1 }[event.key];
      if (to === undefined) return;
      move(to);
      event.preventDefault();
      event.stopPropagation();
    };
    return state;
  };
})();
