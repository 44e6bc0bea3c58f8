"use strict";
// Data that come as scripts: a page that is opened from a disk may load scripts, but fetch nothing.
(() => {
  const asked = new Map(); // name: what resolves it

  // Called by the scripts, with parts that are deflated and written in base64.
  window.hrpnFile = (name, parts) => asked.get(name)?.(parts);

  const load = (name) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const done = (settle, value) => {
        asked.delete(name);
        script.remove();
        settle(value);
      };
      asked.set(name, (parts) => done(resolve, parts));
      script.onerror = () => done(reject, new Error(`assets/${name}.js is missing; copy the whole folder`));
      script.src = `assets/${name}.js`;
      document.head.append(script);
    });

  /** The bytes of text in base64. */
  hrpn.fromBase64 = (text) => {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
  };

  /** Bytes as text in base64. */
  hrpn.toBase64 = (bytes) => {
    const pieces = [];
    for (let i = 0; i < bytes.length; i += 0x8000) {
      pieces.push(String.fromCharCode(...bytes.subarray(i, i + 0x8000)));
    }
    return btoa(pieces.join(""));
  };

  const through = async (bytes, stream) =>
    new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
  hrpn.inflate = (bytes) => through(bytes, new DecompressionStream("deflate"));
  hrpn.deflate = (bytes) => through(bytes, new CompressionStream("deflate"));

  /** The parts of `assets/NAME.js` as bytes. */
  hrpn.file = async (name) => {
    const parts = await load(name);
    const entries = Object.entries(parts).map(async ([part, text]) => [part, await hrpn.inflate(hrpn.fromBase64(text))]);
    return Object.fromEntries(await Promise.all(entries));
  };

  /** A worker of a script, which answers `ask(what, transferred)` with a promise. */
  hrpn.worker = (source) => {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(address);
    const waiting = new Map();
    let count = 0;
    const fail = (error) => {
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    };
    worker.onmessage = ({ data: { id, answer, error } }) => {
      const { resolve, reject } = waiting.get(id) ?? {};
      waiting.delete(id);
      if (error === undefined) resolve?.(answer);
      else reject?.(new Error(error));
    };
    worker.onerror = (event) => fail(new Error(event.message || "a worker of the page ended"));
    return {
      ask: (what, transferred = []) =>
        new Promise((resolve, reject) => {
          const id = count++;
          waiting.set(id, { resolve, reject });
          worker.postMessage({ id, ...what }, transferred);
        }),
      end: () => {
        worker.terminate();
        URL.revokeObjectURL(address);
        fail(new Error("stopped"));
      },
    };
  };
})();
