"use strict";
// Blocks and the tiles that they are computed from; the same geometry as hrpn_tf/prediction/tiling.py.
(() => {
  const up = (value, multiple) => Math.ceil(value / multiple) * multiple;

  /**
   * Blocks of the result lie on a grid from the slide's first pixel. A block is computed from one
   * tile, with a halo that covers the receptive field, so there are no seams; tiles start at
   * multiples of the stride multiple, and beyond the slide is its reflection.
   */
  hrpn.tiling = ({ strideMultiple, receptiveField }, width, height) => {
    const side = up(512, strideMultiple);
    const halo = up(Math.floor(receptiveField / 2), strideMultiple);
    const [rows, columns] = [Math.ceil(height / side), Math.ceil(width / side)];

    /** Parts of a block of at most `most` px: place in the slide, and the tile that is read. */
    const parts = (row, column, most = side) => {
      const [y0, x0] = [row * side, column * side];
      const [y1, x1] = [Math.min(height, y0 + side), Math.min(width, x0 + side)];
      const found = [];
      for (let y = y0; y < y1; y += most) {
        for (let x = x0; x < x1; x += most) {
          const [h, w] = [Math.min(most, y1 - y), Math.min(most, x1 - x)];
          const tile = { y: y - halo, x: x - halo, height: up(h + 2 * halo, strideMultiple), width: up(w + 2 * halo, strideMultiple) };
          found.push({ y, x, height: h, width: w, tile });
        }
      }
      return found;
    };

    /** Addresses of the blocks that a rectangle touches, those in its middle first. */
    const touched = ({ y, x, height: h, width: w }) => {
      const [top, left] = [Math.max(0, Math.floor(y / side)), Math.max(0, Math.floor(x / side))];
      const [bottom, right] = [Math.min(rows, Math.ceil((y + h) / side)), Math.min(columns, Math.ceil((x + w) / side))];
      const [my, mx] = [(y + h / 2) / side - 0.5, (x + w / 2) / side - 0.5];
      const found = [];
      for (let r = top; r < bottom; r++) for (let c = left; c < right; c++) found.push([r, c]);
      const away = ([r, c]) => (r - my) ** 2 + (c - mx) ** 2;
      return found.sort((a, b) => away(a) - away(b));
    };
    return { side, halo, rows, columns, smallest: up(64, strideMultiple), parts, touched };
  };
})();
