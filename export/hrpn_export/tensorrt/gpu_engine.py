"""An engine on a GPU: deserialised, with its memory, ready for one batch after the other."""

import threading
import weakref
from typing import Any

import numpy as np

from hrpn_export.errors import EngineError
from hrpn_export.names import INPUT, OUTPUT
from hrpn_export.tensorrt.log import first_line, make_log
from hrpn_export.tensorrt.machine import cuda_call


class Memory:
    """A block on the GPU that grows when more is asked for, and is freed with this object."""

    def __init__(self, cuda: Any, number: int) -> None:
        self._cuda, self._number = cuda, number
        self._size = 0
        self._free: Any = None
        self.address = 0

    def ask(self, size: int) -> int:
        """Address of at least so many bytes; what was in it is lost.

        Raises:
            EngineError: the GPU has not as much.
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
    """Runs an engine; its bytes must have been checked before.

    Calls from several threads wait for each other: the memory is shared.

    Args:
        trt: module ``tensorrt`` or ``tensorrt_rtx``.
        cuda: module ``cuda.bindings.runtime``.
        content: bytes of the engine.
        number: of the GPU.
        name: of the engine, for messages.

    Raises:
        EngineError: TensorRT does not take it, or it is not of a bundle's input and output.
    """

    def __init__(self, trt: Any, cuda: Any, content: bytes, number: int, name: str) -> None:
        self._cuda, self._number, self._name = cuda, number, name
        self._lock = threading.Lock()
        self._call(cuda.cudaSetDevice(number))
        # kept as long as the engine: TensorRT does not own them
        self._log = make_log(trt)
        self._runtime = trt.Runtime(self._log)
        self._ask_whether_valid(trt, content)
        self._engine = self._runtime.deserialize_cuda_engine(content)
        if self._engine is None:
            raise EngineError(
                f"{name}: TensorRT cannot load it: {first_line(self._log.errors)}; export again on "
                "this machine"
            )
        self._check_ends(trt)
        # memory for the profile in use only, not for the largest of all
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
            profile: number of the profile.

        Returns:
            (N, H, W, outputs) float32.

        Raises:
            EngineError: CUDA or TensorRT failed.
        """
        cuda, context = self._cuda, self._context
        with self._lock:
            self._log.errors.clear()
            self._call(cuda.cudaSetDevice(self._number))  # it is of the thread
            stream = int(self._stream)
            if profile != self._profile:
                self._profile = None  # unknown, if it fails
                self._must(context.set_optimization_profile_async(profile, stream), "its profile")
                self._profile = profile
            self._must(context.set_input_shape(INPUT, batch.shape), f"the shape {batch.shape}")
            result = np.empty(tuple(context.get_tensor_shape(OUTPUT)), np.float32)
            there = self._input.ask(batch.nbytes), self._output.ask(result.nbytes)
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

    def _ask_whether_valid(self, trt: Any, content: bytes) -> None:
        """TensorRT-RTX can tell from the first bytes; the full TensorRT is not asked."""
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
