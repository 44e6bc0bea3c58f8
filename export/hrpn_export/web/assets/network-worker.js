"use strict";
// Runs the network in a worker, so that the page stays responsive. Stands behind ONNX Runtime Web.
(() => {
  let session = null;

  const open = async ({ glue, wasm, model, providers }) => {
    // More threads need cross-origin isolation, which a page that is opened from a disk never has.
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([glue], { type: "text/javascript" })) };
    ort.env.wasm.wasmBinary = wasm.buffer;
    ort.env.logLevel = "error";
    // A memory plan per size takes memory and is no faster, as in Python.
    session = await ort.InferenceSession.create(model, { executionProviders: providers, enableMemPattern: false });
  };

  // (height * width * inputs) to (height * width * outputs) grey levels.
  const run = async ({ input, height, width }) => {
    const tensor = new ort.Tensor("float32", input, [1, height, width, input.length / (height * width)]);
    const found = (await session.run({ [session.inputNames[0]]: tensor }))[session.outputNames[0]];
    const output = new Float32Array(await found.getData());
    found.dispose();
    tensor.dispose();
    return output;
  };

  onmessage = async ({ data: { id, task, ...what } }) => {
    try {
      const answer = task === "open" ? await open(what) : await run(what);
      postMessage({ id, answer }, answer ? [answer.buffer] : []);
    } catch (error) {
      postMessage({ id, error: String(error?.message ?? error) });
    }
  };
})();
