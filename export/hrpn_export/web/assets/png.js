"use strict";
// Reads PNG as it is stored. A browser's own reader gives eight bits, changed by colour profiles.
const readPng = async (file, Problem) => {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const parts = [];
  let header = null;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const start = at + 8;
    if (start + length + 4 > bytes.length) break;
    if (kind === "IHDR" && length === 13) {
      header = {
        width: view.getUint32(start), height: view.getUint32(start + 4),
        bits: bytes[start + 8], colour: bytes[start + 9], interlaced: bytes[start + 12],
      };
    }
    if (kind === "IDAT") parts.push(bytes.subarray(start, start + length));
    at = start + length + 4;
  }
  if (header === null || parts.length === 0) throw new Problem("is damaged");
  const { width, height, bits, colour, interlaced } = header;
  if (colour !== 0) throw new Problem("is a colour picture, where one channel of grey levels is wanted");
  if (bits < 8 || interlaced) throw new Problem("is interlaced, or has fewer than 8 bits; save it as TIFF");
  if (!width || !height || width * height > 2 ** 27) throw new Problem("is too large for a PNG here; save it as tiled OME-TIFF");
  const size = bits / 8;
  const row = width * size;
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const raw = new Uint8Array(height * (row + 1));
  let filled = 0;
  for await (const piece of stream) {
    if (filled + piece.length > raw.length) throw new Problem("is damaged");
    raw.set(piece, filled);
    filled += piece.length;
  }
  if (filled !== raw.length) throw new Problem("is damaged");
  const data = size === 1 ? new Uint8Array(width * height) : new Uint16Array(width * height);
  let before = new Uint8Array(row);
  for (let y = 0; y < height; y++) {
    const line = raw.subarray(y * (row + 1) + 1, (y + 1) * (row + 1));
    const filter = raw[y * (row + 1)];
    for (let i = 0; i < row; i++) {
      const a = i >= size ? line[i - size] : 0;
      const b = before[i];
      const c = i >= size ? before[i - size] : 0;
      let guess = [0, a, b, (a + b) >> 1][filter];
      if (filter === 4) {
        const p = a + b - c;
        const [da, db, dc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
        guess = da <= db && da <= dc ? a : db <= dc ? b : c;
      }
      if (guess === undefined) throw new Problem("is damaged");
      line[i] += guess;
    }
    for (let x = 0; x < width; x++) data[y * width + x] = size === 1 ? line[x] : (line[2 * x] << 8) | line[2 * x + 1];
    before = line;
  }
  return { width, height, bits, data };
};
