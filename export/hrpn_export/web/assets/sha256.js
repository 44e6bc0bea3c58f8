"use strict";
// SHA-256 piece by piece: the browser's own takes a file at once only, and slides do not fit.
const sha256 = async (file) => {
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
  // 32 bits behind the point; the roots of small numbers are exact enough in double precision
  const bits = (value) => ((value - Math.floor(value)) * 2 ** 32) | 0;
  const K = Int32Array.from(primes, (p) => bits(Math.cbrt(p)));
  const H = Int32Array.from(primes.slice(0, 8), (p) => bits(Math.sqrt(p)));
  const W = new Int32Array(64);
  const turn = (x, n) => (x >>> n) | (x << (32 - n));
  const block = (view, at) => {
    for (let i = 0; i < 16; i++) W[i] = view.getInt32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const [v, w] = [W[i - 15], W[i - 2]];
      W[i] = W[i - 16] + (turn(v, 7) ^ turn(v, 18) ^ (v >>> 3)) + W[i - 7] + (turn(w, 17) ^ turn(w, 19) ^ (w >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = H;
    for (let i = 0; i < 64; i++) {
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => { H[i] += value; });
  };
  const PIECE = 2 ** 24;
  for (let start = 0; start <= file.size; start += PIECE) {
    let bytes = new Uint8Array(await file.slice(start, start + PIECE).arrayBuffer());
    if (start + PIECE > file.size) {
      const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
      padded.set(bytes);
      padded[bytes.length] = 0x80;
      new DataView(padded.buffer).setBigUint64(padded.length - 8, BigInt(file.size) * 8n);
      bytes = padded;
    }
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length; at += 64) block(view, at);
  }
  return [...H].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
};
