"use strict";
// Loads tiles from script files, and keeps the last ones. See tiles.py for the format.

(() => {
  const KEPT = 64; // decoded tiles, about 2 MB each
  const asked = new Map(); // address: what resolves it
  const kept = new Map(); // address: promise of a tile, the least recently used first
  const ready = new Map(); // address: tile, the decoded ones of `kept`

  // Called by the tile files.
  window.hrpnTile = (address, values) => asked.get(address)?.(values);

  function load(folder, address) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      asked.set(address, (values) => {
        asked.delete(address);
        script.remove();
        resolve(values);
      });
      script.onerror = () => {
        asked.delete(address);
        script.remove();
        reject(new Error(`tile ${address} is missing`));
      };
      script.src = `${folder}/${address}.js`;
      document.head.append(script);
    });
  }

  async function inflate(text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function decode(layer, height, width) {
    const bytes = await inflate(layer.data);
    const size = height * width;
    const codes = layer.bits === 8 ? new Uint8Array(size) : new Uint16Array(size);
    for (let i = 0, y = 0; y < height; y++) {
      // typed arrays wrap around as the differences do
      for (let x = 0, last = 0; x < width; x++, i++) {
        last += layer.bits === 8 ? bytes[i] : (bytes[i] << 8) | bytes[size + i];
        codes[i] = last;
        last = codes[i];
      }
    }
    return { codes, offset: layer.offset, step: layer.step };
  }

  async function make(folder, address) {
    const { height, width, layers } = await load(folder, address);
    const tile = { height, width, layers: {} };
    for (const [key, layer] of Object.entries(layers)) {
      tile.layers[key] = await decode(layer, height, width);
    }
    return tile;
  }

  /** The tile of an address "level/column_row". */
  hrpn.tile = (folder, address) => {
    const found = kept.get(address) ?? make(folder, address);
    kept.delete(address);
    kept.set(address, found);
    found.then((tile) => kept.has(address) && ready.set(address, tile), () => kept.delete(address));
    while (kept.size > KEPT) {
      const oldest = kept.keys().next().value;
      kept.delete(oldest);
      ready.delete(oldest);
    }
    return found;
  };

  /** The tile of an address if it is at hand, else undefined. */
  hrpn.tileAtHand = (address) => ready.get(address);
})();
