"""What a user would take in place of a bundle: each function gives the session of a plan's peer.

The networks are written for the benchmark in plain PyTorch, with untrained weights: they cost what
trained ones cost. Nothing of the product needs them, so PyTorch and MONAI are in the extra
``bench``, and each is imported only to be measured.
"""

from importlib.util import find_spec

from hrpn_export import Contract, Session

from hrpn_benchmarks.errors import BenchmarkError
from hrpn_benchmarks.matrix import Cell

# Two inputs and one target, 8 bits, as the published networks have them.
_ROLES = (("vessels", "nuclei"), ("qd",), 0.5)


def published(cell: Cell) -> Session:
    """The published HRPN in PyTorch, layer by layer as Python runs it (eager)."""
    return _published(cell, compiled=False)


def published_compiled(cell: Cell) -> Session:
    """The published HRPN in PyTorch through ``torch.compile``, which needs a C++ compiler."""
    return _published(cell, compiled=True)


def pix2pix(cell: Cell) -> Session:
    """The U-Net 256 of pix2pix in PyTorch, eager."""
    _needs("torch")
    from hrpn_benchmarks.peers.pix2pix_network import Pix2pixGenerator
    from hrpn_benchmarks.peers.torch_session import TorchSession

    return TorchSession(Pix2pixGenerator(2, 1), Contract(*_ROLES, 256, None, False, 255.0), cell)


def monai_unet(cell: Cell) -> Session:
    """MONAI's U-Net in PyTorch, eager, as wide as in MONAI's own examples of segmentation.

    Five levels of 16 to 256 channels, each with two residual units.
    """
    _needs("torch", "monai")
    from monai.networks.nets import UNet

    from hrpn_benchmarks.peers.torch_session import TorchSession

    network = UNet(
        spatial_dims=2,
        in_channels=2,
        out_channels=1,
        channels=(16, 32, 64, 128, 256),
        strides=(2, 2, 2, 2),
        num_res_units=2,
    )
    return TorchSession(network, Contract(*_ROLES, 16, None, False, 255.0), cell)


def _published(cell: Cell, compiled: bool) -> Session:
    _needs("torch")
    from hrpn_benchmarks.peers.hrpn_network import PublishedHrpn
    from hrpn_benchmarks.peers.torch_session import TorchSession

    contract = Contract(*_ROLES, 32, None, False, 255.0)
    return TorchSession(PublishedHrpn(2, 1), contract, cell, compiled=compiled)


def _needs(*packages: str) -> None:
    """Say how to install what is missing.

    Raises:
        BenchmarkError: something is.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise BenchmarkError(
            f"{' and '.join(missing)} not installed: pip install {' '.join(missing)}"
        )
