"use strict";
// Predicted blocks. The full resolution and the two next levels are Blobs, which the browser moves
// to disk; coarser levels are small and stay in memory. So a result may be larger than the memory.
(() => {
  const IN_MEMORY = 8; // px of the slide per px from which levels stay in memory

  /** Means of squares of px that hold a number; NaN where there is none. */
  const reduce = (values, height, width, factor) => {
    const [h, w] = [Math.ceil(height / factor), Math.ceil(width / factor)];
    const [sums, counts] = [new Float32Array(h * w), new Uint16Array(h * w)];
    for (let y = 0, at = 0; y < height; y++) {
      const row = Math.floor(y / factor) * w;
      for (let x = 0; x < width; x++, at++) {
        const value = values[at];
        if (value !== value) continue;
        const place = row + Math.floor(x / factor);
        sums[place] += value;
        counts[place]++;
      }
    }
    return sums.map((sum, i) => (counts[i] ? sum / counts[i] : NaN));
  };

  hrpn.store = (side, outputs) => {
    const blocks = new Map(); // "row column": {row, column, height, width, levels: [per output]}
    const key = (row, column) => `${row} ${column}`;

    /** Keep a block: values[output] (side * side), NaN beyond the slide. */
    const add = async (row, column, values) => {
      const levels = [];
      for (const plane of values) {
        const full = new Blob([await hrpn.deflate(new Uint8Array(plane.buffer))]);
        const [two, four, eight] = [2, 4, 8].map((factor) => reduce(plane, side, side, factor));
        levels.push({ 1: full, 2: new Blob([two]), 4: new Blob([four]), [IN_MEMORY]: eight });
      }
      blocks.set(key(row, column), { row, column, levels });
    };

    const floats = async (blob) => new Float32Array(await blob.arrayBuffer());

    /** Values of an output of a block, one px for `factor` px of the slide. */
    const piece = async ({ levels }, output, factor) => {
      const level = levels[output];
      if (factor === 1) {
        const bytes = await hrpn.inflate(new Uint8Array(await level[1].arrayBuffer()));
        return new Float32Array(bytes.buffer);
      }
      if (factor < IN_MEMORY) return floats(level[factor]);
      if (factor === IN_MEMORY) return level[IN_MEMORY];
      const small = Math.ceil(side / IN_MEMORY);
      return (level[factor] ??= reduce(level[IN_MEMORY], small, small, factor / IN_MEMORY));
    };

    /** A rectangle of an output on a level, NaN where nothing is predicted; float32. */
    const read = async (output, factor, y, x, height, width) => {
      const values = new Float32Array(height * width).fill(NaN);
      const step = Math.max(1, side / factor); // px of a block on this level
      const small = Math.ceil(step);
      for (const block of blocks.values()) {
        const [top, left] = [Math.floor(block.row * (side / factor)) - y, Math.floor(block.column * (side / factor)) - x];
        if (top >= height || left >= width || top + small <= 0 || left + small <= 0) continue;
        const part = await piece(block, output, factor);
        for (let i = Math.max(0, -top); i < Math.min(small, height - top); i++) {
          for (let j = Math.max(0, -left); j < Math.min(small, width - left); j++) {
            const value = part[i * small + j];
            if (value === value) values[(top + i) * width + left + j] = value;
          }
        }
      }
      return values;
    };

    const bounds = () => {
      const all = [...blocks.values()];
      const [rows, columns] = [all.map((b) => b.row), all.map((b) => b.column)];
      const [top, left] = [Math.min(...rows), Math.min(...columns)];
      const [bottom, right] = [Math.max(...rows) + 1, Math.max(...columns) + 1];
      return { top, left, bottom, right, whole: (bottom - top) * (right - left) === all.length };
    };

    return {
      outputs,
      add,
      read,
      bounds,
      has: (row, column) => blocks.has(key(row, column)),
      /** The deflated float32 values of an output of a block, or null. */
      packed: (row, column, output) => blocks.get(key(row, column))?.levels[output][1] ?? null,
      values: (row, column, output) => piece(blocks.get(key(row, column)), output, 1),
      get size() { return blocks.size; },
    };
  };
})();
