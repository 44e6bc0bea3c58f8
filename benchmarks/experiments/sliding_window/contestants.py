"""The contestants of the experiment and their settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The groups in the order of the table; the last is a search and takes long.
GROUPS = ("ours", "usual", "exact", "mixed", "standard")

# In place of the side of MONAI's window: the tile of our second contestant, which skips nothing.
OUR_TILE = "our tile"

# PyTorch returns memory after every layer, and its pages are cleared again for the next. With these
# variables glibc keeps them, as jemalloc does, which PyTorch's tuning guide recommends.
KEEP_PAGES = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31)}


@dataclass(frozen=True)
class Contestant:
    """One way to predict a slide.

    Attributes:
        name: name in the table.
        group: one of ``GROUPS``.
        step: step of ``step.py``: ``ours`` or ``monai``.
        settings: settings of that step.
        environment: environment variables of its process.
    """

    name: str
    group: str
    step: str
    settings: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def framework(self) -> str:
        """The framework whose untiled prediction it is compared with."""
        return "keras" if self.step == "ours" or self.settings["run"] == "session" else "torch"


def contestants(roi: int, halo: int, max_ram: str) -> list[Contestant]:
    """All contestants; ours is first, and the ratios of all refer to it.

    Args:
        roi: side of MONAI's window, px.
        halo: halo of the network, px.
        max_ram: memory that ours may use, as ``--max-ram``; MONAI knows no limit.
    """
    return [*_ours(roi, halo, max_ram), *_usual(roi), *_exact(roi), *_mixed(roi), *_standard()]


def _ours(roi: int, halo: int, max_ram: str) -> list[Contestant]:
    limit = {"max_ram": max_ram}
    every = {"skip_empty": False, **limit}
    same = {"tile": roi - 2 * halo, **every}
    fast = {"runtime": "openvino", "bare": True}
    return [
        Contestant("hrpn-tf", "ours", "ours", {"bare": True, **limit}),
        Contestant("hrpn-tf, every tile", "ours", "ours", {"bare": True, **every}),
        Contestant("hrpn-tf (OpenVINO)", "ours", "ours", {**fast, **limit}),
        Contestant("hrpn-tf (OpenVINO), every tile", "ours", "ours", {**fast, **every}),
        Contestant(f"hrpn-tf, every tile, {roi} px", "ours", "ours", {"bare": True, **same}),
    ]


def _usual(roi: int) -> list[Contestant]:
    """MONAI's defaults, and the settings that are usually recommended. None is exact."""
    defaults = {"overlap": 0.25, "mode": "constant"}
    gaussian = {"overlap": 0.5, "mode": "gaussian"}
    return [
        _monai(f"defaults, {roi // 2} px", "usual", "eager", roi // 2, **defaults),
        _monai(f"defaults, {roi} px", "usual", "eager", roi, **defaults),
        _monai(f"defaults, {roi} px", "usual", "tuned", roi, **defaults),
        _monai(f"gaussian, half overlap, {roi} px", "usual", "eager", roi, **gaussian),
        _monai(f"gaussian, half overlap, {roi} px", "usual", "tuned", roi, **gaussian),
    ]


def _exact(roi: int) -> list[Contestant]:
    """An expert's settings: a reflected slide, and a weight map that is zero in the halo."""
    ways: list[tuple[int | str, str]]
    ways = [(roi, "eager"), (roi, "channels_last"), (roi, "compile"), (roi, "tuned")]
    return [
        _monai(f"exact, {_in_px(side)}", "exact", run, side, exact=True)
        for side, run in (*ways, (OUR_TILE, "tuned"))
    ]


def _mixed(roi: int) -> list[Contestant]:
    """MONAI's windows with our session, which shows the cost of everything but the network."""
    return [
        _monai(f"exact, {_in_px(side)}", "mixed", "session", side, exact=True)
        for side in (roi, OUR_TILE)
    ]


def _standard() -> list[Contestant]:
    """Standard options, raised step by step: does any of them reach our exactness?"""
    settings = [
        *((1024, 0.5, 0.125), (1024, 0.75, 0.125), (1024, 0.875, 0.125), (1024, 0.75, 0.2)),
        *((1024, 0.75, 0.06), (1536, 0.75, 0.125)),
    ]
    return [
        _monai(
            f"gaussian of {sigma:g}, overlap {overlap:g}, {side} px",
            "standard",
            "tuned",
            side,
            overlap=overlap,
            mode="gaussian",
            sigma_scale=sigma,
        )
        for side, overlap, sigma in settings
    ]


_WORDS = {
    "eager": "PyTorch",
    "channels_last": "PyTorch, channels last",
    "compile": "PyTorch, compiled",
    "tuned": "PyTorch, compiled, pages kept",
    "session": "our session",
}


def _in_px(side: int | str) -> str:
    return side if isinstance(side, str) else f"{side} px"


def _monai(name: str, group: str, run: str, roi: int | str, **settings: Any) -> Contestant:
    kept = dict(KEEP_PAGES) if run == "tuned" else {}
    settings |= {"run": "compile" if run == "tuned" else run, "roi": roi, "batch": 1}
    return Contestant(f"MONAI ({_WORDS[run]}), {name}", group, "monai", settings, kept)
