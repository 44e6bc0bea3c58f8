"use strict";
// Reads slides window by window in a worker. Stands behind geotiff.js, png.js and sha256.js.
(() => {
  const MOST_PAGES = 4096;
  const MOST_SEGMENT = 2 ** 28; // bytes of a strip or tile, which is decoded at once
  const KEPT = 2 ** 28; // bytes of cells that are kept
  const CELL = 512;
  class Problem extends Error {}

  let pages = []; // by number: {width, height, levels: [{image, sample, width, height} or {data, ...}]}
  let files = [];
  const cells = new Map(); // key: promise of values, the least recently used first
  let kept = 0;

  const kindOf = async (file) => {
    const b = new Uint8Array(await file.slice(0, 8).arrayBuffer());
    const [first, second] = [b[0] === 0x49 && b[1] === 0x49, b[0] === 0x4d && b[1] === 0x4d];
    const version = first ? b[2] | (b[3] << 8) : (b[2] << 8) | b[3];
    if ((first || second) && (version === 42 || version === 43)) return "tiff";
    return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].every((v, i) => b[i] === v) ? "png" : null;
  };

  const value = (image, tag) => image.fileDirectory.loadValue(tag);

  // Pages are read one after another, so that a chain that ends nowhere is noticed.
  const imagesOf = async (tiff) => {
    const images = [];
    const seen = new Set([tiff.firstIFDOffset]);
    for (;;) {
      const image = await tiff.getImage(images.length);
      images.push(image);
      const next = Number(image.fileDirectory.nextIFDByteOffset);
      if (next === 0) return images;
      if (seen.has(next) || images.length >= MOST_PAGES) throw new Problem("its pages go round in a circle, or are too many");
      seen.add(next);
    }
  };

  const levelsOf = async (tiff, image) => {
    const levels = [image];
    const offsets = (await value(image, "SubIFDs")) ?? [];
    for (const offset of [...(offsets.length === undefined ? [offsets] : offsets)].slice(0, 32)) {
      const directory = await tiff.parser.parseFileDirectoryAt(Number(offset));
      levels.push(new image.constructor(directory, tiff.littleEndian, false, tiff.source));
    }
    return levels.filter((one, i) => i === 0 || one.getWidth() < levels[i - 1].getWidth());
  };

  const refuseUnread = async (image) => {
    const photometric = (await value(image, "PhotometricInterpretation")) ?? 1;
    const samples = image.getSamplesPerPixel();
    if (photometric === 0) throw new Problem("counts its grey levels from white to black; save it with black as 0");
    if (photometric !== 1) throw new Problem("is a colour picture, where separate fluorescence channels are wanted; export one plane for each channel as OME-TIFF");
    for (let i = 0; i < samples; i++) {
      const [bits, format] = [image.getBitsPerSample(i), image.getSampleFormat(i)];
      const fits = (format === 1 && (bits === 8 || bits === 16)) || (format === 3 && bits === 32);
      if (!fits) throw new Problem(`holds numbers of ${bits} bits${format === 2 ? " with a sign" : ""}; save it as uint8, uint16 or float32`);
    }
    const rows = image.isTiled ? image.getTileHeight() : image.getBlockHeight(0);
    const bytes = image.getTileWidth() * rows * image.getBytesPerPixel();
    if (!(bytes <= MOST_SEGMENT)) {
      throw new Problem(`stores pieces of ${Math.round(bytes / 2 ** 20)} MiB that can only be read at once; save it as OME-TIFF with tiles of 512 px`);
    }
  };

  const openTiff = async (file, number) => {
    const tiff = await GeoTIFF.fromBlob(file);
    const images = await imagesOf(tiff);
    const found = [];
    for (const [page, image] of images.entries()) {
      const reduced = ((await value(image, "NewSubfileType")) ?? 0) & 1;
      const [width, height] = [image.getWidth(), image.getHeight()];
      if (!(width > 0 && height > 0)) throw new Problem("has a page without pixels");
      for (let sample = 0; sample < image.getSamplesPerPixel() && !reduced; sample++) {
        found.push({ file: number, page, sample, width, height, image, tiff });
      }
    }
    if (found.length === 0) throw new Problem("holds no image");
    // labels and macro pictures are smaller than the slide
    const largest = found.reduce((a, b) => (b.width * b.height > a.width * a.height ? b : a));
    const main = found.filter((one) => one.width === largest.width && one.height === largest.height);
    for (const plane of main) await refuseUnread(plane.image);
    for (const plane of main) {
      plane.levels = (await levelsOf(tiff, plane.image)).map((image) => ({ image, width: image.getWidth(), height: image.getHeight() }));
    }
    const description = (await value(images[0], "ImageDescription")) ?? "";
    return { planes: main, description: String(description).replace(/\0+$/, "") };
  };

  const openPng = async (file, number) => {
    const { width, height, data } = await readPng(file, Problem);
    return { planes: [{ file: number, page: 0, sample: 0, width, height, levels: [{ data, width, height }] }], description: "" };
  };

  /** What the files hold: per file the description of its first page; all planes of one size. */
  const open = async ({ files: given }) => {
    files = given;
    pages = [];
    cells.clear();
    kept = 0;
    const descriptions = [];
    for (const [number, file] of files.entries()) {
      try {
        const kind = await kindOf(file);
        if (kind === null) throw new Problem("is no TIFF and no PNG; save the slide as OME-TIFF");
        const { planes, description } = await (kind === "tiff" ? openTiff : openPng)(file, number);
        pages.push(...planes);
        descriptions.push(description);
      } catch (error) {
        const reason = error instanceof Problem ? error.message : `cannot be read as an image: ${error.message}`;
        throw new Error(`${file.name}: ${reason}`);
      }
    }
    const [first] = pages;
    const other = pages.find((one) => one.width !== first.width || one.height !== first.height);
    if (other) {
      throw new Error(`${files[other.file].name} is ${other.width} × ${other.height} px, but ${files[first.file].name} is ${first.width} × ${first.height} px; channels must lie on the same pixels`);
    }
    return {
      descriptions,
      names: files.map((file) => file.name),
      planes: pages.map(({ file, page, sample, levels }) => ({ file, page, sample, type: typeOf(levels[0]) })),
      levels: first.levels.map(({ width, height }) => [width, height]),
    };
  };

  const typeOf = ({ image, data }) => {
    if (data) return data instanceof Uint8Array ? "uint8" : "uint16";
    return image.getSampleFormat(0) === 3 ? "float32" : `uint${image.getBitsPerSample(0)}`;
  };

  const levelOf = (plane, level) => {
    const found = pages[plane].levels[level];
    if (!found) throw new Error(`${files[pages[plane].file].name}: a channel has fewer levels than the others`);
    return found;
  };

  // Strips are as wide as the slide, so their cells are, too.
  const cellWidth = ({ image, width }) => (image && !image.isTiled ? width : CELL);

  const readCell = async (plane, level, row, column) => {
    const source = levelOf(plane, level);
    const [w, h] = [cellWidth(source), CELL];
    const [x0, y0] = [column * w, row * h];
    const [x1, y1] = [Math.min(x0 + w, source.width), Math.min(y0 + h, source.height)];
    if (source.data) {
      const values = new source.data.constructor((x1 - x0) * (y1 - y0));
      for (let y = y0; y < y1; y++) {
        values.set(source.data.subarray(y * source.width + x0, y * source.width + x1), (y - y0) * (x1 - x0));
      }
      return { values, width: x1 - x0 };
    }
    try {
      const [values] = await source.image.readRasters({ window: [x0, y0, x1, y1], samples: [pages[plane].sample] });
      return { values, width: x1 - x0 };
    } catch (error) {
      throw new Error(`${files[pages[plane].file].name}: cannot be read at row ${y0}, column ${x0}: ${error.message}`);
    }
  };

  const cell = (plane, level, row, column) => {
    const key = `${plane} ${level} ${row} ${column}`;
    const found = cells.get(key) ?? { promise: readCell(plane, level, row, column), bytes: 0 };
    if (!cells.has(key)) {
      found.promise.then(
        ({ values }) => {
          if (cells.get(key) !== found) return;
          found.bytes = values.byteLength;
          kept += found.bytes;
          for (const [oldest, { bytes }] of cells) {
            if (kept <= KEPT || oldest === key) break;
            cells.delete(oldest);
            kept -= bytes;
          }
        },
        () => cells.delete(key),
      );
    }
    cells.delete(key);
    cells.set(key, found);
    return found.promise;
  };

  /** The pixel inside a line that represents one outside of it, as in tiling.py. */
  const reflect = (index, size) => {
    const i = ((index % (2 * size)) + 2 * size) % (2 * size);
    return Math.min(i, 2 * size - 1 - i);
  };

  /** A window of one plane, which may lie outside of the slide; float32. */
  const window = async (plane, level, y, x, height, width) => {
    const source = levelOf(plane, level);
    const wide = cellWidth(source);
    const rows = Int32Array.from({ length: height }, (_, i) => reflect(y + i, source.height));
    const columns = Int32Array.from({ length: width }, (_, i) => reflect(x + i, source.width));
    const out = new Float32Array(height * width);
    const found = new Map();
    const across = [...new Set(Array.from(columns, (c) => Math.floor(c / wide)))];
    for (const row of new Set(Array.from(rows, (r) => Math.floor(r / CELL)))) {
      found.set(row, new Map());
      for (const column of across) found.get(row).set(column, await cell(plane, level, row, column));
    }
    for (let i = 0, at = 0; i < height; i++) {
      const line = found.get(Math.floor(rows[i] / CELL));
      const inRow = rows[i] % CELL;
      let column = -1;
      let part = null;
      for (let j = 0; j < width; j++, at++) {
        const c = Math.floor(columns[j] / wide);
        if (c !== column) [column, part] = [c, line.get(c)];
        out[at] = part.values[inRow * part.width + (columns[j] - c * wide)];
      }
    }
    return out;
  };

  /** Windows of planes, one behind the other per pixel as the network takes them. */
  const input = async ({ planes, level, y, x, height, width }) => {
    const out = new Float32Array(planes.length * height * width);
    for (const [k, plane] of planes.entries()) {
      const values = await window(plane, level, y, x, height, width);
      for (let i = 0; i < values.length; i++) out[i * planes.length + k] = values[i];
    }
    const bad = out.findIndex((v) => !Number.isFinite(v));
    if (bad >= 0) throw new Error(`${files[pages[planes[bad % planes.length]].file].name}: holds pixels that are NaN or infinite`);
    return out;
  };

  /** One plane reduced by a whole factor, means of squares of pixels; float32. */
  const reduced = async ({ plane, level, y, x, height, width, factor }) => {
    const source = levelOf(plane, level);
    if (factor === 1) return window(plane, level, y, x, height, width);
    const out = new Float32Array(height * width);
    const [right, bottom] = [Math.min(x + width * factor, source.width), Math.min(y + height * factor, source.height)];
    const band = Math.max(1, Math.floor(CELL / factor));
    for (let top = 0; top < height; top += band) {
      const [from, to] = [y + top * factor, Math.min(bottom, y + (top + band) * factor)];
      const values = await window(plane, level, from, x, to - from, right - x);
      const counts = new Float32Array(band * width);
      for (let i = 0, at = 0; i < to - from; i++) {
        const row = Math.floor(i / factor) * width;
        for (let j = 0; j < right - x; j++, at++) {
          const place = row + Math.floor(j / factor);
          out[top * width + place] += values[at];
          counts[place]++;
        }
      }
      for (let i = 0; i < counts.length && top * width + i < out.length; i++) out[top * width + i] /= counts[i];
    }
    return out;
  };

  const checksums = async () => Object.fromEntries(await Promise.all(files.map(async (file) => [file.name, await sha256(file)])));

  const tasks = { open, input, reduced, checksums };
  onmessage = async ({ data: { id, task, ...what } }) => {
    try {
      const answer = await tasks[task](what);
      postMessage({ id, answer }, answer instanceof Float32Array ? [answer.buffer] : []);
    } catch (error) {
      postMessage({ id, error: String(error?.message ?? error) });
    }
  };
})();
