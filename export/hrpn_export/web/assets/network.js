"use strict";
// The network: on the GPU through WebGPU where the browser has it and it computes the same, else on
// the processor through WebAssembly.
(() => {
  const BUILDS = {
    webgpu: { file: "network-webgpu", providers: ["webgpu", "wasm"], title: "the GPU (WebGPU)" },
    wasm: { file: "network-wasm", providers: ["wasm"], title: "the processor (WebAssembly)" },
  };
  const text = new TextDecoder();

  const floats = (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);

  // The GPU build waits by JSPI. A GPU that the processor imitates is slower than the processor.
  const hasGpu = async () => {
    if (!("gpu" in navigator) || !("Suspending" in WebAssembly)) return false;
    const adapter = await navigator.gpu.requestAdapter().catch(() => null);
    return adapter !== null && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
  };

  /** One started network: `run(input, height, width)`, `build`, `difference` from the Keras model. */
  const start = async (build, about, model) => {
    const { script, glue, wasm } = await hrpn.file(BUILDS[build].file);
    const worker = hrpn.worker(script);
    try {
      const bytes = model.onnx.slice();
      await worker.ask({ task: "open", glue: text.decode(glue), wasm, model: bytes, providers: BUILDS[build].providers });
      const run = (input, height, width) => worker.ask({ task: "run", input, height, width }, [input.buffer]);
      const { height, width } = about.example;
      const [given, expected] = [floats(model.given), floats(model.expected)];
      const found = await run(given.slice(), height, width);
      let difference = found.length === expected.length ? 0 : NaN;
      // a comparison with NaN is false, and NaN must not pass
      for (let i = 0; i < expected.length; i++) difference = Math.max(difference, Math.abs(found[i] - expected[i]));
      return { build, difference, run, end: worker.end, title: BUILDS[build].title };
    } catch (error) {
      worker.end();
      throw error;
    }
  };

  /**
   * The network that this browser computes right. Every start is checked on an image whose
   * prediction by the Keras model is in the page.
   */
  hrpn.startNetwork = async (about, wanted = null) => {
    const model = await hrpn.file("model");
    const builds = wanted ? [wanted] : (await hasGpu()) ? ["webgpu", "wasm"] : ["wasm"];
    const notes = [];
    for (const build of builds) {
      try {
        const network = await start(build, about, model);
        if (network.difference <= about.limit) return { ...network, notes };
        network.end();
        notes.push(`${BUILDS[build].title} differs by ${network.difference.toPrecision(2)} grey levels, and is not used`);
      } catch (error) {
        notes.push(`${BUILDS[build].title} cannot run the network: ${error.message}`);
      }
    }
    throw new Error(`This browser cannot predict: ${notes.join("; ")}. Try another browser, or hrpn-tf predict.`);
  };
})();
