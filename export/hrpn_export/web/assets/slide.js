"use strict";
// An open slide: its planes by level, the level that fits the network, and tiles for the viewer.
(() => {
  const KEPT = 48; // tiles of inputs, about 2 MB each
  const PLAUSIBLE = [0.02, 25]; // um per px of slides that show cells
  const TOLERANCE = 0.1; // relative difference of pixel sizes, as in hrpn-tf predict

  /** Open files; what they hold, and the worker that reads them. */
  hrpn.openSlide = async (files) => {
    const { script } = await hrpn.file("slide-worker");
    const worker = hrpn.worker(new TextDecoder().decode(script));
    try {
      const found = await worker.ask({ task: "open", files });
      const { channels, pixelSize, position } = hrpn.describe(found);
      return { name: files[0].name, channels, pixelSize, position, levels: found.levels, ask: worker.ask, end: worker.end };
    } catch (error) {
      worker.end();
      throw error;
    }
  };

  /** The pixel size that counts, um: of the file, or else as stated. Never a guess. */
  hrpn.pixelSize = ({ name, pixelSize }, stated) => {
    const plausible = (um) => um >= PLAUSIBLE[0] && um <= PLAUSIBLE[1];
    if (pixelSize !== null && plausible(pixelSize)) return pixelSize;
    if (stated !== null && plausible(stated)) return stated;
    if (stated !== null) throw new Error(`${stated} µm per pixel is none of a microscope slide; state it in micrometres.`);
    const has = pixelSize === null ? "states no pixel size" : `states ${pixelSize} µm per pixel, which no microscope slide has`;
    throw new Error(`${name} ${has}; enter the true one.`);
  };

  /** The level that the network reads, and its um per px; see frame.py. */
  hrpn.chooseLevel = ({ name, levels }, own, wanted) => {
    if (wanted === null) return { level: 0, um: own };
    const sizes = levels.map(([width]) => own * (levels[0][0] / width));
    const level = sizes.reduce((best, um, i) => (um <= wanted * (1 + TOLERANCE) ? i : best), 0);
    const um = sizes[level];
    if (Math.abs(um - wanted) / wanted > TOLERANCE) {
      throw new Error(
        `${name} has ${Number(um.toPrecision(4))} µm per pixel, but the network was trained at ${wanted} (10 % apart at most), ` +
        "and this page does not resample; hrpn-tf predict does.",
      );
    }
    return { level, um };
  };

  /** What the viewer shows of a slide whose inputs are chosen; `store` holds the prediction. */
  hrpn.viewed = (slide, { planes, titles, level, um }, about, store, side) => {
    const [width, height] = slide.levels[level];
    let top = 0;
    for (let s = Math.max(width, height); s > side; s = Math.ceil(s / 2)) top++;
    const kinds = ["prediction", "lower", "upper"];
    const layers = [
      ...about.inputs.map((role, i) => ({
        key: `input-${i}`, title: titles[i] === role ? role : `${role}: ${titles[i]}`, kind: "input", scale: `${role} (input)`, colours: hrpn.colours("input", i),
      })),
      ...about.outputs.map((title, i) => {
        const kind = about.coverage === null ? "prediction" : kinds[i];
        const key = i === 0 || about.coverage !== null ? kind : `prediction-${i}`;
        const name = kind === "prediction" ? `predicted ${title}` : `${kind} bound`;
        return { key, title: name, kind, scale: `predicted ${about.outputs[0]}`, colours: hrpn.colours("prediction") };
      }),
    ];
    const scales = Object.fromEntries(layers.map((l) => [l.scale, { min: 0, max: about.greyMax, low: 0, high: about.greyMax, symmetric: false }]));
    const inputs = new Map(); // address: promise of planes, the least recently used first
    const outputs = new Map(); // address: promise of planes
    const ready = new Map(); // address: tile

    const place = (address) => {
      const [, l, x, y] = address.match(/^(\d+)\/(\d+)_(\d+)$/).map(Number);
      const factor = 2 ** (top - l);
      const [w, h] = [Math.ceil(width / factor), Math.ceil(height / factor)];
      return { factor, y: y * side, x: x * side, height: Math.min(side, h - y * side), width: Math.min(side, w - x * side) };
    };

    // The coarsest level of the file from which a tile can be made by means of whole squares.
    const source = (factor) => {
      let best = [level, 1];
      slide.levels.forEach(([w], i) => {
        const reduction = Math.round(width / w);
        const exact = Math.abs(width / w - reduction) <= 0.02 * reduction;
        if (i > level && exact && factor % reduction === 0 && reduction > best[1]) best = [i, reduction];
      });
      return best;
    };

    const readInputs = async (address) => {
      const { factor, ...box } = place(address);
      const [from, reduction] = source(factor);
      const step = factor / reduction;
      return Promise.all(planes.map((plane) => slide.ask({
        task: "reduced", plane, level: from, y: box.y * step, x: box.x * step, height: box.height, width: box.width, factor: step,
      })));
    };

    const readOutputs = async (address) => {
      const { factor, y, x, height: h, width: w } = place(address);
      return Promise.all(about.outputs.map((_, output) => store.read(output, factor, y, x, h, w)));
    };

    const once = (cache, address, make) => {
      const found = cache.get(address) ?? make(address);
      cache.delete(address);
      cache.set(address, found);
      found.catch(() => cache.delete(address));
      while (cache.size > KEPT) {
        const oldest = cache.keys().next().value;
        cache.delete(oldest);
        ready.delete(oldest);
      }
      return found;
    };

    hrpn.tile = async (_, address) => {
      const [given, predicted] = await Promise.all([once(inputs, address, readInputs), once(outputs, address, readOutputs)]);
      const { height: h, width: w } = place(address);
      const planesOf = [...given, ...predicted];
      const tile = { height: h, width: w, layers: Object.fromEntries(layers.map(({ key }, i) => [key, { codes: planesOf[i], offset: 0, step: 1 }])) };
      ready.set(address, tile);
      return tile;
    };
    hrpn.tileAtHand = (address) => ready.get(address);

    /** Forget the tiles that show a block, on all levels. */
    const changed = (row, column) => {
      for (let l = top; l >= 0; l--) {
        const [r, c] = [row >> (top - l), column >> (top - l)];
        outputs.delete(`${l}/${c}_${r}`);
      }
    };

    const predicted = scales[layers.at(-1).scale];
    let automatic = null; // contrast of the prediction as it was set here
    const stretch = (scale, values, most) => {
      const seen = Float32Array.from(values.filter(Number.isFinite)).sort();
      if (seen.length === 0) return;
      const quantile = (q) => seen[Math.floor(q * (seen.length - 1))];
      const [low, high] = [quantile(0.002), quantile(0.998)];
      const max = most ?? seen[seen.length - 1];
      Object.assign(scale, { min: Math.min(0, seen[0]), max: Math.max(max, high, 1e-6), low, high: high > low ? high : low + 1 });
    };

    /** Contrast of the inputs, from the whole slide in small. */
    const contrastInputs = async () => {
      const planesOf = await once(inputs, "0/0_0", readInputs);
      about.inputs.forEach((_, i) => stretch(scales[layers[i].scale], planesOf[i], about.greyMax <= 255 ? about.greyMax : undefined));
    };

    /** Contrast of the prediction, unless somebody has changed it. */
    const contrastOutputs = (values) => {
      if (automatic !== null && (automatic.low !== predicted.low || automatic.high !== predicted.high)) return;
      stretch(predicted, values);
      automatic = { ...predicted };
    };

    const data = { width, height, side, top, reduction: 1, slideHeight: height, slideWidth: width, pixelSize: um, layers, scales, tiles: "" };
    return { data, changed, contrastInputs, contrastOutputs };
  };
})();
