"use strict";
// Writes a result as tiled OME-TIFF. The blocks are already stored as deflated tiles, and a Blob
// only strings them together, so the file never lies in memory. (Writers of libraries want all
// pixels in one array.)
(() => {
  const [SHORT, LONG, LONG8, ASCII] = [3, 4, 16, 2];
  const SIZES = { [SHORT]: 2, [LONG]: 4, [LONG8]: 8, [ASCII]: 1 };
  const TYPES = { uint8: [8, 1], uint16: [16, 1], float32: [32, 3] };
  const LARGEST = 2 ** 32 - 2 ** 20; // bytes of a TIFF with addresses of 32 bits

  /**
   * The file as a Blob.
   *
   * planes: per channel the tiles, row by row, as Blobs of deflated values.
   */
  hrpn.tiff = ({ width, height, side, type, description, planes, largest = LARGEST }) => {
    const sizes = planes.flat().reduce((sum, blob) => sum + blob.size + 1, 0);
    const big = sizes > largest;
    const text = new TextEncoder().encode(`${description}\0`);
    const [bits, format] = TYPES[type];
    const parts = [];
    let at = 0;
    const put = (part) => {
      const start = at;
      const size = part.size ?? part.byteLength;
      parts.push(part);
      at += size;
      if (at % 2) { parts.push(new Uint8Array(1)); at++; } // directories begin at even addresses
      return start;
    };
    const header = new DataView(new ArrayBuffer(big ? 16 : 8));
    put(header.buffer);
    const tiles = planes.map((blobs) => ({ offsets: blobs.map(put), counts: blobs.map((blob) => blob.size) }));
    let link = { view: header, place: big ? 8 : 4 };
    const address = (view, place, value) => (big ? view.setBigUint64(place, BigInt(value), true) : view.setUint32(place, value, true));

    for (const [number, { offsets, counts }] of tiles.entries()) {
      const place = big ? LONG8 : LONG;
      const entries = [
        [256, LONG, [width]], [257, LONG, [height]], [258, SHORT, [bits]],
        [259, SHORT, [8]], // deflate
        [262, SHORT, [1]],
        ...(number === 0 ? [[270, ASCII, [...text]]] : []),
        [277, SHORT, [1]], [284, SHORT, [1]],
        [322, LONG, [side]], [323, LONG, [side]],
        [324, place, offsets], [325, place, counts],
        [339, SHORT, [format]],
      ];
      const inline = big ? 8 : 4;
      const written = entries.map(([tag, kind, values]) => {
        const bytes = new DataView(new ArrayBuffer(Math.max(inline, values.length * SIZES[kind])));
        values.forEach((value, i) => {
          if (kind === ASCII) bytes.setUint8(i, value);
          else if (kind === SHORT) bytes.setUint16(2 * i, value, true);
          else if (kind === LONG) bytes.setUint32(4 * i, value, true);
          else bytes.setBigUint64(8 * i, BigInt(value), true);
        });
        return { tag, kind, count: values.length, bytes, start: bytes.byteLength > inline ? put(bytes.buffer) : null };
      });
      const [head, entry] = big ? [8, 20] : [2, 12];
      const directory = new DataView(new ArrayBuffer(head + entry * written.length + inline));
      if (big) directory.setBigUint64(0, BigInt(written.length), true);
      else directory.setUint16(0, written.length, true);
      written.forEach(({ tag, kind, count, bytes, start }, i) => {
        const from = head + entry * i;
        directory.setUint16(from, tag, true);
        directory.setUint16(from + 2, kind, true);
        address(directory, from + 4, count);
        const slot = from + (big ? 12 : 8);
        if (start !== null) address(directory, slot, start);
        else for (let b = 0; b < inline; b++) directory.setUint8(slot + b, bytes.getUint8(b));
      });
      address(link.view, link.place, put(directory.buffer));
      link = { view: directory, place: head + entry * written.length };
    }
    header.setUint16(0, 0x4949, true);
    header.setUint16(2, big ? 43 : 42, true);
    if (big) header.setUint16(4, 8, true);
    return new Blob(parts, { type: "image/tiff" });
  };

  /** Tiles of integers: values rounded and clipped to the type, deflated; see `to_grey_levels`. */
  hrpn.packInteger = async (values, type) => {
    const [most, Kind] = type === "uint8" ? [255, Uint8Array] : [65535, Uint16Array];
    const out = new Kind(values.length);
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (!(value > 0)) continue; // NaN lies beyond the slide
      const down = Math.floor(value);
      const part = value - down;
      // halves go to the even number, as in numpy
      const rounded = part > 0.5 || (part === 0.5 && down % 2) ? down + 1 : down;
      out[i] = Math.min(most, rounded);
    }
    return new Blob([await hrpn.deflate(new Uint8Array(out.buffer))]);
  };
})();
