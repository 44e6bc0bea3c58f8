"""How do the options of ONNX Runtime affect the memory and time of a tile?

    python benchmarks/experiments/onnx_memory.py BUNDLE... --side 512 --threads 1

Every option is measured in a fresh process. Our sessions use ``no plan``; see
``hrpn_export/runtimes/onnx_runtime.py``.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from hrpn_benchmarks.trackers.timing import PeakMemory
from hrpn_export import open_bundle

RUNS = 7
OPTIONS = {
    "default": "a memory plan for each size (default)",
    "no plan": "no memory plan",
    "by priority": "no plan; nodes in order of priority",
    "exact arena": "no plan; the arena grows by the requested size",
    "no packing": "no plan; weights are not packed",
    "no layout": "no plan; images stay NCHW, not packed by channels",
}


def main() -> None:
    """Print a table, or measure one option."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundles", nargs="+", type=Path, help="bundles with ONNX in fp32")
    parser.add_argument("--side", type=int, default=512, help="side of the tile, px")
    parser.add_argument("--threads", type=int, default=1, help="threads of ONNX Runtime")
    parser.add_argument("--option", choices=OPTIONS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.option is not None:
        growth, seconds = measure(*arguments.bundles, arguments)
        print(f"{growth / 1e6:.0f} MB | {1000 * seconds:.0f} ms")
        return
    print("| network | option | growth | processor time |\n|---|---|--:|--:|")
    for bundle in arguments.bundles:
        name = open_bundle(bundle).manifest.name
        for option, words in OPTIONS.items():
            command = [sys.executable, __file__, str(bundle), "--option", option]
            command += ["--side", str(arguments.side), "--threads", str(arguments.threads)]
            result = subprocess.run(
                command, capture_output=True, text=True, encoding="utf-8", check=True
            )
            print(f"| {name} | {words} | {result.stdout.strip()} |", flush=True)


def measure(folder: Path, arguments: argparse.Namespace) -> tuple[int, float]:
    """Memory above the loaded network, bytes, and median processor time of a tile, s."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    options.enable_mem_pattern = arguments.option == "default"
    if arguments.option == "by priority":
        options.execution_order = ort.ExecutionOrder.PRIORITY_BASED
    if arguments.option == "exact arena":
        place = ort.OrtMemoryInfo(
            "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
        )
        same_as_requested = 1
        ort.create_and_register_allocator(place, ort.OrtArenaCfg(0, same_as_requested, -1, -1))
        options.add_session_config_entry("session.use_env_allocators", "1")
    if arguments.option == "no packing":
        options.add_session_config_entry("session.disable_prepacking", "1")
    if arguments.option == "no layout":
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    bundle = open_bundle(folder)
    path = bundle.path / bundle.artefact("onnx", "fp32").path
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    shape = (1, arguments.side, arguments.side, len(bundle.contract.inputs))
    tile = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    memory, times = PeakMemory(), []
    with memory.watch():
        for _ in range(RUNS):
            began = time.process_time()
            session.run(None, {session.get_inputs()[0].name: tile})
            times.append(time.process_time() - began)
    return memory.growth, statistics.median(times)


if __name__ == "__main__":
    main()
