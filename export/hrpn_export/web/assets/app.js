"use strict";
// The page: files in, roles of channels, prediction block by block, download.
(() => {
  const about = JSON.parse(document.getElementById("about").textContent);
  const at = (id) => document.getElementById(id);
  const LARGEST = 2 ** 33; // bytes of a result; browsers keep less than that
  const REDRAW = 700; // ms

  let slide = null; // of openSlide
  let shown = null; // {planes, level, um, tiling, store, viewed, view}
  let running = null; // {stopped} while blocks are predicted
  let saved = true;
  let network = null;
  const starting = hrpn.startNetwork(about, { "#wasm": "wasm", "#webgpu": "webgpu" }[location.hash] ?? null);

  const complain = (error) => {
    at("problem").textContent = error === null ? "" : error.message ?? String(error);
    at("problem").hidden = error === null;
  };
  const tell = (text) => { at("status").textContent = text; };
  const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(0.1, bytes / 1e6).toFixed(1)} MB`);
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const buttons = () => {
    const idle = shown !== null && running === null;
    at("predict-view").disabled = !idle || network === null;
    at("predict-all").disabled = !idle || network === null;
    at("stop").disabled = running === null;
    at("download").disabled = !idle || shown.store.size === 0;
  };

  const describeNetwork = () => {
    const difference = network.difference === 0 ? "0" : network.difference.toExponential(0);
    const notes = network.notes.length ? ` ${network.notes.join(" ")}.` : "";
    at("engine").textContent =
      `Computes on ${network.title}. Checked in this browser: differs by ${difference} grey levels from the Keras model ` +
      `(limit ${Number(about.limit.toPrecision(3))}).${notes}`;
    document.body.dataset.engine = network.build;
  };

  starting.then(
    (found) => { network = found; describeNetwork(); buttons(); },
    (error) => { at("engine").textContent = ""; complain(error); },
  );

  // Roles ------------------------------------------------------------------------------------

  const suggested = (role, channels, taken) => {
    const same = (a, b) => a.trim().toLowerCase() === b.trim().toLowerCase();
    const { name, pattern } = about.roles[role] ?? {};
    const tests = [
      (channel) => name !== undefined && same(channel.name, name),
      (channel) => same(channel.name, role),
      (channel) => pattern !== undefined && new RegExp(pattern, "i").test(channel.name),
    ];
    for (const test of tests) {
      const found = channels.findIndex((channel, i) => !taken.has(i) && test(channel));
      if (found >= 0) return found;
    }
    return -1;
  };

  const askRoles = () => {
    const taken = new Set();
    at("roles").replaceChildren();
    for (const [i, role] of about.inputs.entries()) {
      const found = suggested(role, slide.channels, taken);
      if (found >= 0) taken.add(found);
      const select = make("select", { id: `role-${i}` }, make("option", { value: "" }, "choose a channel"));
      slide.channels.forEach((channel, c) => select.append(make("option", { value: c }, channel.name)));
      select.value = found >= 0 ? found : "";
      select.onchange = show;
      at("roles").append(make("label", { for: `role-${i}` }, role, select));
    }
  };

  const chosen = () => {
    const places = about.inputs.map((_, i) => at(`role-${i}`).value);
    const missing = about.inputs.filter((_, i) => places[i] === "");
    if (missing.length) throw new Error(`Choose the channel of ${missing.join(" and ")}.`);
    const twice = places.find((place, i) => places.indexOf(place) !== i);
    if (twice !== undefined) throw new Error(`${slide.channels[twice].name} is chosen twice; choose one channel for each input.`);
    return places.map((place) => slide.channels[place]);
  };

  const askPixelSize = () => {
    at("pixel-size").value = "";
    let stated = true;
    try { hrpn.pixelSize(slide, null); } catch { stated = false; }
    at("pixel-size-row").hidden = stated;
  };

  // Slides -----------------------------------------------------------------------------------

  const close = () => {
    if (running) running.stopped = true;
    shown?.view?.close();
    shown = null;
    at("view-section").hidden = true;
    buttons();
  };

  const open = async (files) => {
    complain(null);
    close();
    slide?.end();
    slide = null;
    at("setup").hidden = true;
    if (files.length === 0) return;
    tell(`Opening ${files[0].name} …`);
    try {
      slide = await hrpn.openSlide([...files]);
      const count = slide.channels.length;
      if (count < about.inputs.length) {
        throw new Error(
          `${slide.name} has ${count === 1 ? "one channel" : `${count} channels`}, but the network needs ${about.inputs.length} ` +
          `(${about.inputs.join(", ")}). Drop all files of the slide at once.`,
        );
      }
    } catch (error) {
      tell("");
      complain(error);
      return;
    }
    askRoles();
    askPixelSize();
    at("setup").hidden = false;
    await show();
  };

  async function show() {
    complain(null);
    close();
    try {
      const inputs = chosen();
      const stated = at("pixel-size").value === "" ? null : Number(at("pixel-size").value);
      const own = hrpn.pixelSize(slide, stated);
      const { level, um } = hrpn.chooseLevel(slide, own, about.pixelSize);
      const [width, height] = slide.levels[level];
      const tiling = hrpn.tiling(about, width, height);
      const store = hrpn.store(tiling.side, about.outputs.length);
      const planes = inputs.map((channel) => channel.plane);
      const viewed = hrpn.viewed(slide, { planes, titles: inputs.map((c) => c.name), level, um }, about, store, tiling.side);
      const of = slide;
      const next = { inputs, planes, level, um, tiling, store, viewed, width, height, most: tiling.side };
      await viewed.contrastInputs();
      if (slide !== of) return; // another file was dropped meanwhile
      close();
      at("view-section").hidden = false;
      at("image").setAttribute("aria-label", `Image of ${slide.name}; arrow keys move, plus and minus zoom, 0 shows all`);
      shown = { ...next, view: hrpn.showSlide(viewed.data) };
      saved = true;
      tell(`${slide.name}: ${width} × ${height} px, ${Number(um.toPrecision(4))} µm per pixel${level ? ` (level ${level} of the file)` : ""}.`);
      document.body.dataset.slide = slide.name;
    } catch (error) {
      tell("");
      complain(error);
    }
    buttons();
  }

  // Prediction -------------------------------------------------------------------------------

  const outOfMemory = (error) => error.ofNetwork && /memory|alloc|out of bounds|Array buffer/i.test(error.message);
  const run = (...given) => network.run(...given).catch((error) => { throw Object.assign(error, { ofNetwork: true }); });

  /** Values of the outputs of a block, NaN beyond the slide. */
  const block = async (of, row, column) => {
    const { tiling: { side, halo }, planes, level } = of;
    const values = about.outputs.map(() => new Float32Array(side * side).fill(NaN));
    for (const part of of.tiling.parts(row, column, of.most)) {
      const input = await of.ask({ task: "input", planes, level, ...part.tile });
      const output = await run(input, part.tile.height, part.tile.width);
      const count = about.outputs.length;
      for (let y = 0; y < part.height; y++) {
        let from = ((y + halo) * part.tile.width + halo) * count;
        let to = (part.y - row * side + y) * side + part.x - column * side;
        for (let x = 0; x < part.width; x++, to++) {
          for (let k = 0; k < count; k++) values[k][to] = output[from++];
        }
      }
    }
    return values;
  };

  /** The same; where the memory does not suffice, by smaller tiles in a fresh network. */
  const blockInMemory = async (of, row, column) => {
    for (;;) {
      try {
        return await block(of, row, column);
      } catch (error) {
        if (!outOfMemory(error)) throw error;
        const smaller = Math.floor(of.most / 2);
        if (smaller < of.tiling.smallest) {
          throw new Error("The memory of this browser does not suffice, even for the smallest tiles; close other pages, or use hrpn-tf predict.");
        }
        of.most = Math.ceil(smaller / about.strideMultiple) * about.strideMultiple;
        const build = network.build;
        network.end();
        network = await hrpn.startNetwork(about, build);
      }
    }
  };

  const keep = async (of, row, column, values) => {
    try {
      await of.store.add(row, column, values);
    } catch (error) {
      throw new Error(`The browser has no room for more of the result (${error.message}); download what is there, and predict the rest in parts.`);
    }
  };

  const predict = async (rectangle) => {
    complain(null);
    const of = { ...shown, ask: slide.ask };
    const { store, tiling, viewed, view } = of;
    const blocks = tiling.touched(rectangle).filter(([row, column]) => !store.has(row, column));
    if (blocks.length === 0) return tell("This part is predicted already.");
    const mine = (running = { stopped: false });
    buttons();
    at("progress").max = blocks.length;
    at("progress").value = 0;
    at("progress").hidden = false;
    const started = performance.now();
    const scale = viewed.data.layers.at(-1).scale;
    let drawn = 0;
    const redraw = async () => { drawn = performance.now(); await view.repaint(scale); };
    try {
      for (const [done, [row, column]] of blocks.entries()) {
        if (mine.stopped) break;
        const values = await blockInMemory(of, row, column);
        if (shown?.store !== store) return; // another slide is open
        const first = store.size === 0;
        await keep(of, row, column, values);
        saved = false;
        viewed.changed(row, column);
        if (first) {
          viewed.contrastOutputs(values.flatMap((plane) => [...plane.filter((_, i) => i % 7 === 0)]));
          view.rescale();
          view.show({ prediction: "all" });
        }
        at("progress").value = done + 1;
        const seconds = (performance.now() - started) / 1000;
        const left = Math.round((seconds / (done + 1)) * (blocks.length - done - 1));
        tell(`${done + 1} of ${blocks.length} blocks of ${tiling.side} px in ${seconds.toFixed(1)} s${left ? `, about ${left} s left` : ""}.`);
        if (performance.now() - drawn > REDRAW) await redraw();
      }
      if (store.size > 1) {
        const { layers } = await hrpn.tile("", "0/0_0"); // the whole slide in small
        viewed.contrastOutputs(Object.entries(layers).flatMap(([key, { codes }]) => (key.startsWith("input-") ? [] : [...codes])));
        view.rescale();
      }
      await redraw();
      if (mine.stopped) tell(`Stopped; ${store.size} blocks of ${tiling.side} px are predicted.`);
    } catch (error) {
      if (shown?.store === store) complain(error);
    } finally {
      if (running === mine) running = null;
      at("progress").hidden = true;
      document.body.dataset.predicted = shown?.store.size ?? 0;
      buttons();
    }
  };

  at("predict-view").onclick = () => predict(shown.view.seen());
  at("predict-all").onclick = () => {
    const bytes = shown.width * shown.height * 4 * about.outputs.length;
    if (bytes > LARGEST) {
      return complain(new Error(
        `The result of the whole slide takes ${size(bytes)}, more than a browser keeps; predict and download it in parts, or use hrpn-tf predict.`,
      ));
    }
    predict({ y: 0, x: 0, width: shown.width, height: shown.height });
  };
  at("stop").onclick = () => { if (running) running.stopped = true; };

  // Download ---------------------------------------------------------------------------------

  const result = async (type) => {
    const { store, tiling: { side }, width, height, um, inputs, level } = shown;
    const { top, left, bottom, right, whole } = store.bounds();
    if (!whole && type !== "float32") {
      throw new Error(`The predicted parts are no rectangle, and ${type} has no value for what is not predicted; choose float32, or predict the rest.`);
    }
    let empty = null;
    const tile = async (row, column, output) => {
      if (!store.has(row, column)) {
        return (empty ??= new Blob([await hrpn.deflate(new Uint8Array(new Float32Array(side * side).fill(NaN).buffer))]));
      }
      if (type === "float32") return store.packed(row, column, output);
      return hrpn.packInteger(await store.values(row, column, output), type);
    };
    const planes = [];
    for (const output of about.outputs.keys()) {
      const tiles = [];
      for (let row = top; row < bottom; row++) for (let column = left; column < right; column++) tiles.push(await tile(row, column, output));
      planes.push(tiles);
    }
    const [y, x] = [top * side, left * side];
    const box = { height: Math.min(bottom * side, height) - y, width: Math.min(right * side, width) - x };
    const channels = Object.fromEntries(about.inputs.map((role, i) => [role, inputs[i].name]));
    const isWhole = box.width === width && box.height === height;
    const corner = slide.position ?? { x: 0, y: 0 };
    const position = isWhole ? slide.position : { x: corner.x + x * um, y: corner.y + y * um };
    const provenance = {
      kind: "prediction",
      model: about.model,
      input: { name: slide.name, sha256: await slide.ask({ task: "checksums" }), channels, level },
      ...(isWhole ? {} : { region: [y, x, box.height, box.width] }),
      versions: about.versions,
      computed: { runtime: "onnxruntime-web", on: network.build, difference: network.difference },
    };
    const description = hrpn.omeXml({
      ...box, type, channels: about.outputs, pixelSize: um, position, provenance, program: about.program,
    });
    return hrpn.tiff({ ...box, side, type, description, planes });
  };

  at("download").onclick = async () => {
    complain(null);
    running = { stopped: false }; // nothing else meanwhile
    buttons();
    tell("Writing the file, and the checksum of the slide into it …");
    try {
      const file = await result(at("type").value);
      const address = URL.createObjectURL(file);
      const stem = slide.name.replace(/(\.ome)?\.\w+$/, "");
      make("a", { href: address, download: `${stem}-${about.outputs[0]}.ome.tif` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
      saved = true;
      tell(`Saved ${size(file.size)}.`);
    } catch (error) {
      tell("");
      complain(error);
    } finally {
      running = null;
      buttons();
    }
  };

  // Files ------------------------------------------------------------------------------------

  at("files").onchange = () => open(at("files").files);
  at("files").onclick = () => { at("files").value = ""; }; // so that the same file can be chosen again
  at("pixel-size").onchange = show;
  document.addEventListener("dragover", (event) => { event.preventDefault(); at("drop").classList.add("over"); });
  document.addEventListener("dragleave", () => at("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    at("drop").classList.remove("over");
    if (event.dataTransfer.files.length) open(event.dataTransfer.files);
  });
  window.addEventListener("beforeunload", (event) => { if (!saved) event.preventDefault(); });
  buttons();

  /** For `hrpn-tf export`, which measures the page: base64 of float32 pixels in and out. */
  hrpn.certify = async (text, height, width) => {
    await starting;
    const bytes = hrpn.fromBase64(text);
    const output = await network.run(new Float32Array(bytes.buffer), height, width);
    return hrpn.toBase64(new Uint8Array(output.buffer));
  };
  hrpn.started = () => starting.then(({ build, difference }) => ({ build, difference }));
})();
