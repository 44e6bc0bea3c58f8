"""An engine on a GPU with its memory, ready to run batches."""

import threading
import weakref
from typing import Any

import numpy as np

from hrpn_export.errors import EngineError
from hrpn_export.names import INPUT, OUTPUT
from hrpn_export.tensorrt.log import first_line, make_log
from hrpn_export.tensorrt.machine import cuda_call


class Memory:
    """A block of GPU memory that grows on demand and is freed with this object."""

    def __init__(self, cuda: Any, number: int) -> None:
        self._cuda, self._number = cuda, number
        self._size = 0
        self._free: Any = None
        self.address = 0

    def reserve(self, size: int) -> int:
        """Reserve at least ``size`` bytes and give their address; the content may be lost.

        Raises:
            EngineError: the GPU does not have that much memory left.
        """
        if size > self._size:
            if self._free is not None:
                self._free()
            self._size = 0
            try:
                self.address = int(cuda_call(self._cuda, self._cuda.cudaMalloc(size)))
            except EngineError as error:
                raise EngineError(
                    f"the GPU has no {size / 1e6:.0f} MB left ({error}); predict smaller tiles, or "
                    "fewer at once"
                ) from None
            self._size = size
            self._free = weakref.finalize(self, _free, self._cuda, self._number, self.address)
        return self.address


class GpuEngine:
    """Runs an engine whose bytes have been checked.

    Calls from several threads wait for each other, since they share the memory.

    Args:
        trt: module ``tensorrt`` or ``tensorrt_rtx``.
        cuda: module ``cuda.bindings.runtime``.
        content: content of the engine file.
        number: index of the GPU.
        name: name of the engine, for messages.

    Raises:
        EngineError: TensorRT refuses it, or its input and output are not those of a bundle.
    """

    def __init__(self, trt: Any, cuda: Any, content: bytes, number: int, name: str) -> None:
        self._cuda, self._number, self._name = cuda, number, name
        self._lock = threading.Lock()
        self._call(cuda.cudaSetDevice(number))
        # keep both as long as the engine, since TensorRT does not own them
        self._log = make_log(trt)
        self._runtime = trt.Runtime(self._log)
        self._check_validity(trt, content)
        self._engine = self._runtime.deserialize_cuda_engine(content)
        if self._engine is None:
            raise EngineError(
                f"{name}: TensorRT cannot load it: {first_line(self._log.errors)}; export again on "
                "this machine"
            )
        self._check_ends(trt)
        # allocate memory for the current profile, not for the largest one
        strategy = trt.ExecutionContextAllocationStrategy.ON_PROFILE_CHANGE
        self._context = self._engine.create_execution_context(strategy)
        if self._context is None:
            raise EngineError(f"{name}: the GPU has no memory left to run it")
        self._profile: int | None = None
        self._stream = self._call(cuda.cudaStreamCreate())
        self._end = weakref.finalize(self, _destroy, cuda, number, self._stream)
        self._input, self._output = Memory(cuda, number), Memory(cuda, number)

    def run(self, batch: np.ndarray, profile: int) -> np.ndarray:
        """Predict one batch that fits a profile.

        Args:
            batch: (N, H, W, inputs) float32, C order.
            profile: index of the profile.

        Returns:
            (N, H, W, outputs) float32.

        Raises:
            EngineError: CUDA or TensorRT failed.
        """
        cuda, context = self._cuda, self._context
        with self._lock:
            self._log.errors.clear()
            self._call(cuda.cudaSetDevice(self._number))  # set per thread
            stream = int(self._stream)
            if profile != self._profile:
                self._profile = None  # unknown if the next call fails
                self._must(context.set_optimization_profile_async(profile, stream), "its profile")
                self._profile = profile
            self._must(context.set_input_shape(INPUT, batch.shape), f"the shape {batch.shape}")
            result = np.empty(tuple(context.get_tensor_shape(OUTPUT)), np.float32)
            there = self._input.reserve(batch.nbytes), self._output.reserve(result.nbytes)
            for name, address in zip((INPUT, OUTPUT), there, strict=True):
                self._must(context.set_tensor_address(name, address), f"memory of {name}")
            to, back = (
                cuda.cudaMemcpyKind.cudaMemcpyHostToDevice,
                cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost,
            )
            size = batch.nbytes
            self._call(cuda.cudaMemcpyAsync(there[0], batch.ctypes.data, size, to, stream))
            self._must(context.execute_async_v3(stream), "a batch")
            size = result.nbytes
            self._call(cuda.cudaMemcpyAsync(result.ctypes.data, there[1], size, back, stream))
            self._call(cuda.cudaStreamSynchronize(stream))
        return result

    def _check_validity(self, trt: Any, content: bytes) -> None:
        """Check the header of the engine; only TensorRT-RTX offers this."""
        if not hasattr(self._runtime, "get_engine_validity"):
            return
        validity, bits = self._runtime.get_engine_validity(content)
        if validity == trt.EngineValidity.INVALID:
            reasons = [
                name.lower().replace("_", " ")
                for name, member in trt.EngineInvalidityDiagnostics.__members__.items()
                if int(bits) & int(member)
            ]
            raise EngineError(
                f"{self._name}: TensorRT finds it not valid here ("
                f"{', '.join(reasons) or 'no reason given'}); export again on this machine"
            )

    def _check_ends(self, trt: Any) -> None:
        engine = self._engine
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        if sorted(names) != sorted((INPUT, OUTPUT)) or any(
            engine.get_tensor_dtype(name) != trt.float32 for name in names
        ):
            raise EngineError(
                f"{self._name}: not from float32 {INPUT} to float32 {OUTPUT} but with "
                f"{', '.join(names)}; export again"
            )

    def _call(self, answer: tuple[Any, ...]) -> Any:
        try:
            return cuda_call(self._cuda, answer)
        except EngineError as error:
            raise EngineError(f"{self._name}: {error}") from None

    def _must(self, done: bool, what: str) -> None:
        if not done:
            raise EngineError(
                f"{self._name}: TensorRT refused {what}: {first_line(self._log.errors)}; if the "
                "GPU is short of memory, predict smaller tiles or fewer at once"
            )


def _free(cuda: Any, number: int, address: int) -> None:
    cuda.cudaSetDevice(number)
    cuda.cudaFree(address)


def _destroy(cuda: Any, number: int, stream: Any) -> None:
    cuda.cudaSetDevice(number)
    cuda.cudaStreamSynchronize(stream)
    cuda.cudaStreamDestroy(stream)
