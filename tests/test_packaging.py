"""The distribution holds every package and every data file."""

import configparser

from support.places import ROOT

SOURCES = {"hrpn_tf": ".", "hrpn_export": "export", "hrpn_benchmarks": "benchmarks"}


def options() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_every_package_is_listed() -> None:
    listed = set(options()["options"]["packages"].split())
    present = {
        ".".join(marker.parent.relative_to(ROOT / source).parts)
        for name, source in SOURCES.items()
        for marker in (ROOT / source / name).rglob("__init__.py")
    }
    assert listed == present


def test_every_data_file_is_listed() -> None:
    patterns = options()["options.package_data"]
    for name, source in SOURCES.items():
        package = ROOT / source / name
        listed = {file for pattern in patterns[name].split() for file in package.glob(pattern)}
        present = {
            file
            for file in package.rglob("*")
            if file.is_file() and file.suffix != ".py" and "__pycache__" not in file.parts
        }
        assert listed == present


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
