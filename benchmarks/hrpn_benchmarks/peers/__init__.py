"""Baseline implementations: what a user could run instead of a bundle.

Each function opens the session of one of a plan's ``peers``. The networks are written for the
benchmark in plain PyTorch. Their weights are untrained, which costs the same as trained ones.
PyTorch and MONAI come with the extra ``bench`` and are imported when they are measured.
"""

from importlib.util import find_spec

from hrpn_export import Contract, Session

from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.errors import BenchmarkError

# Channel roles and pixel size of the published networks: two inputs, one target.
_ROLES = (("vessels", "nuclei"), ("qd",), 0.5)


def published(case: BenchmarkCase) -> Session:
    """The published HRPN in PyTorch, eager."""
    return _published(case, compiled=False)


def published_compiled(case: BenchmarkCase) -> Session:
    """The published HRPN in PyTorch, compiled by ``torch.compile`` (needs a C++ compiler)."""
    return _published(case, compiled=True)


def pix2pix(case: BenchmarkCase) -> Session:
    """The U-Net 256 of pix2pix in PyTorch, eager."""
    _needs("torch")
    from hrpn_benchmarks.peers.pix2pix_network import Pix2pixGenerator
    from hrpn_benchmarks.peers.torch_session import TorchSession

    return TorchSession(Pix2pixGenerator(2, 1), Contract(*_ROLES, 256, None, False, 255.0), case)


def monai_unet(case: BenchmarkCase) -> Session:
    """MONAI's U-Net in PyTorch, eager, as in MONAI's own segmentation examples.

    It has five levels of 16 to 256 channels, each with two residual units.
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
    return TorchSession(network, Contract(*_ROLES, 16, None, False, 255.0), case)


def _published(case: BenchmarkCase, compiled: bool) -> Session:
    _needs("torch")
    from hrpn_benchmarks.peers.hrpn_network import PublishedHrpn
    from hrpn_benchmarks.peers.torch_session import TorchSession

    contract = Contract(*_ROLES, 32, None, False, 255.0)
    return TorchSession(PublishedHrpn(2, 1), contract, case, compiled=compiled)


def _needs(*packages: str) -> None:
    """Check that packages are installed.

    Raises:
        BenchmarkError: a package is missing; says how to install it.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise BenchmarkError(
            f"{' and '.join(missing)} not installed: pip install {' '.join(missing)}"
        )
