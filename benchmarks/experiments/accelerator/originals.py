"""One measurement of a published network in PyTorch, in its own process; prints one line of JSON.

As ``measurement.py`` measures this project's networks: the same training step (mean squared error,
AdamW) and forward pass, compiled by ``torch.compile``. On a GPU the tensors are channels last and
float32 may be TF32, which is how PyTorch is fast. Needs torch, and on a CPU a C++ compiler.
"""

import json
from collections.abc import Callable
from typing import Any

import torch
from hrpn_benchmarks.peers.hrpn_network import PublishedHrpn
from hrpn_benchmarks.peers.pix2pix_network import Pix2pixGenerator
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from experiments.accelerator.timing import (
    BACKWARD,
    arguments,
    peak_resident,
    processor,
    resident,
    timed,
    warm_up,
)

NETWORKS: dict[str, Callable[[int, int], nn.Module]] = {
    "hrpn-pytorch": PublishedHrpn,
    "pix2pix-pytorch": Pix2pixGenerator,
}


def main() -> None:
    """Run the measurement that the arguments describe and print it."""
    options = arguments("One measurement of a published network in PyTorch.").parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = device.type == "cuda"
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    torch.zeros(1, device=device)  # starts the device
    before = resident()
    network = NETWORKS[options.preset](2, 1).to(device)
    shape = (options.batch, 2, options.size, options.size)
    inputs = 255.0 * torch.rand(shape, device=device)
    target = inputs[:, :1].clone()
    if on_gpu:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.eval()(inputs[:1])
    operations = options.batch * int(counter.get_total_flops())
    half = options.precision == "mixed_bfloat16"
    train = options.work == "train"
    step = _step(network.train(train), inputs, target, half=half, train=train)

    def waited() -> None:
        step()
        if on_gpu:
            torch.cuda.synchronize()

    warm_up(waited)
    result = {
        "seconds": timed(waited, options.steps, options.seconds),
        "memory": torch.cuda.max_memory_allocated() if on_gpu else peak_resident() - before,
        "operations": (1 + BACKWARD if train else 1) * operations,
        "device": torch.cuda.get_device_name() if on_gpu else processor(),
        "accelerator": on_gpu,
        "versions": {"torch": torch.__version__},
    }
    print(json.dumps(result))


def _step(
    network: nn.Module, inputs: Any, target: Any, *, half: bool, train: bool
) -> Callable[[], Any]:
    """A training step or a forward pass, compiled."""
    run = torch.compile(network)
    mixed = torch.autocast(inputs.device.type, torch.bfloat16, enabled=half)
    if not train:

        def forward() -> Any:
            with torch.inference_mode(), mixed:
                return run(inputs)

        return forward
    optimizer = torch.optim.AdamW(network.parameters(), 1e-4)

    def step() -> Any:
        optimizer.zero_grad()
        with mixed:
            loss = nn.functional.mse_loss(run(inputs).float(), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


if __name__ == "__main__":
    main()
