"""The packages, which setup.cfg could find below one root only; all other metadata is there."""

from setuptools import find_packages, setup

ROOTS = {"hrpn_tf": ".", "hrpn_export": "export", "hrpn_benchmarks": "benchmarks"}

setup(
    packages=[
        found for name, root in ROOTS.items() for found in find_packages(root, include=[f"{name}*"])
    ],
    package_dir={name: f"{root}/{name}" for name, root in ROOTS.items()},
)
