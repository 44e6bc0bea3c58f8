"""Every requirement has a reason; the wheel itself is looked at by ``test_wheel.py``."""

import configparser

from support.places import ROOT


def options() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_every_requirement_has_its_reason() -> None:
    reasons = (ROOT / "docs" / "developer" / "dependencies.md").read_text(encoding="utf-8")
    cfg = options()
    listed = cfg["options"]["install_requires"] + "".join(cfg["options.extras_require"].values())
    names = {
        line.split(">")[0].split("=")[0].strip()
        for line in listed.splitlines()
        if line.strip() and not line.startswith("hrpn-tf[")
    }
    missing = {name for name in names if f"`{name}`" not in reasons}
    assert not missing
