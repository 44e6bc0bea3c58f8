"""A PyTorch network as a session: float32, on the CPU or a GPU."""

from typing import Any

import numpy as np
import torch
from hrpn_export import Contract
from hrpn_export.session import run_checked
from torch import nn

from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.errors import BenchmarkError

# Optimizer settings of this project's default configuration: frameworks are compared, not recipes.
_RATE, _DECAY, _CLIP = 2e-3, 0.05, 1.0


class TorchSession:
    """Runs a PyTorch network on arrays of grey levels.

    Args:
        network: maps (N, inputs, H, W) to (N, outputs, H, W), grey levels.
        contract: contract of the network.
        case: gives the device and the number of threads.
        compiled: whether to run it through ``torch.compile``.

    Attributes:
        contract: contract of the network.
        parameters: number of trained parameters.

    Raises:
        BenchmarkError: PyTorch sees no such device.
    """

    def __init__(
        self, network: nn.Module, contract: Contract, case: BenchmarkCase, *, compiled: bool = False
    ) -> None:
        torch.set_num_threads(case.threads)
        self.contract = contract
        self.parameters = sum(each.numel() for each in network.parameters())
        self._device = _device(case.device)
        self._network = network.to(self._device).eval()
        self._run: Any = torch.compile(self._network) if compiled else self._network
        self._optimizer: Any = None

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch; see ``Session``."""
        return run_checked(self.contract, batch, self._predict)

    def train(self, batch: np.ndarray, target: np.ndarray) -> float:
        """One training step: mean squared error, clipped gradients, AdamW; see ``Trainable``."""
        if self._optimizer is None:
            self._network.train()
            self._optimizer = torch.optim.AdamW(
                self._network.parameters(), _RATE, weight_decay=_DECAY
            )
        self._optimizer.zero_grad()
        loss = nn.functional.mse_loss(self._run(self._tensor(batch)), self._tensor(target))
        loss.backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), _CLIP)
        self._optimizer.step()
        return float(loss.item())

    def macs(self, side: int) -> int:
        """Half the floating-point operations that PyTorch counts; see ``Counted``."""
        from torch.utils.flop_counter import FlopCounterMode

        tile = torch.zeros(1, len(self.contract.inputs), side, side, device=self._device)
        training = self._network.training
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            self._network.eval()(tile)
        self._network.train(training)
        return int(counter.get_total_flops()) // 2

    def _predict(self, batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            result = self._run(self._tensor(batch)).permute(0, 2, 3, 1)
        return np.asarray(result.cpu())

    def _tensor(self, batch: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(batch).to(self._device).permute(0, 3, 1, 2).contiguous()


def _device(name: str) -> torch.device:
    kind, _, number = name.partition(":")
    if kind == "cpu":
        return torch.device("cpu")
    index = int(number) if number.isdigit() else 0
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind != "cuda" or index >= found:
        raise BenchmarkError(f"PyTorch sees {found} GPUs here, so there is no {name}")
    return torch.device(f"cuda:{index}")
