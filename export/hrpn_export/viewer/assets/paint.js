"use strict";
// Values and colours of a tile: {height, width, layers: {key: {codes, offset, step}}}.
const hrpn = {};

(() => {
  /** Value of a layer at pixel `i` of a tile; the error is computed from two layers. */
  hrpn.value = (tile, key, i) => {
    const at = ({ codes, offset, step }) => offset + step * codes[i];
    if (key !== "error") return at(tile.layers[key]);
    return at(tile.layers.prediction) - at(tile.layers.truth);
  };

  /** 256 colours of hexadecimal text as 32-bit pixels. */
  hrpn.palette = (text) => {
    const bytes = new Uint8ClampedArray(1024);
    for (let i = 0; i < 1024; i++) bytes[i] = parseInt(text.substr(2 * i, 2), 16);
    return new Uint32Array(bytes.buffer);
  };

  /** A canvas with a layer of a tile, `low` in the first colour and `high` in the last. */
  hrpn.paint = (tile, key, palette, low, high) => {
    const canvas = document.createElement("canvas");
    canvas.width = tile.width;
    canvas.height = tile.height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const image = context.createImageData(tile.width, tile.height);
    const pixels = new Uint32Array(image.data.buffer);
    const gain = 255 / Math.max(high - low, 1e-12);
    for (let i = 0; i < pixels.length; i++) {
      const index = (hrpn.value(tile, key, i) - low) * gain;
      pixels[i] = palette[index <= 0 ? 0 : index >= 255 ? 255 : Math.round(index)];
    }
    context.putImageData(image, 0, 0);
    return context;
  };
})();
