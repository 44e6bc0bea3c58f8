"""``open_onnx``: a session with NumPy, ONNX and ONNX Runtime alone."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hrpn_export import Contract, open_onnx, open_session
from hrpn_export.errors import ContractError, DamagedBundleError, MissingRuntimeError
from support.small_bundle import small_bundle

# What the three packages need themselves.
ALLOWED = {
    "hrpn_export", "numpy", "onnx", "onnxruntime", "google", "ml_dtypes", "typing_extensions",
    "flatbuffers", "packaging",
}  # fmt: skip
CODE = """
import sys
from pathlib import Path

class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in {allowed!r} and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
import hrpn_export
import numpy as np
bundle, result = map(Path, sys.argv[1:])
session = hrpn_export.open_onnx(bundle / "onnx/fp32/model.onnx")
np.save(result, session(np.load(bundle / "test_input.npy")))
"""


def contract_of(bundle: Path) -> Contract:
    manifest = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    return Contract.from_json(json.dumps(manifest["contract"]))


def test_nothing_else_is_imported(tmp_path: Path) -> None:
    bundle, result = small_bundle(), tmp_path / "result.npy"
    code = CODE.format(allowed=ALLOWED)
    subprocess.run([sys.executable, "-c", code, bundle, result], check=True)
    expected = open_session(bundle)(np.load(bundle / "test_input.npy"))
    np.testing.assert_array_equal(np.load(result), expected)


def test_the_contract_is_that_of_the_file_or_the_given_one(tmp_path: Path) -> None:
    bundle = small_bundle()
    contract, file = contract_of(bundle), bundle / "onnx/fp32/model.onnx"
    assert open_onnx(file).contract == contract
    other = replace(contract, pixel_size_um=2.0)
    assert open_onnx(file, other).contract == other
    model = onnx.load(str(file))
    del model.metadata_props[:]
    onnx.save(model, str(tmp_path / "bare.onnx"))
    assert open_onnx(tmp_path / "bare.onnx", contract).contract == contract
    with pytest.raises(ContractError, match="hold no contract; give one"):
        open_onnx(tmp_path / "bare.onnx")


def test_a_file_is_checked_as_in_a_bundle(tmp_path: Path) -> None:
    contract = contract_of(small_bundle())
    with pytest.raises(DamagedBundleError, match="no ONNX file"):
        open_onnx(tmp_path / "missing.onnx", contract)
    (tmp_path / "a.onnx").write_bytes(b"no network")
    with pytest.raises(DamagedBundleError, match="no ONNX file"):
        open_onnx(tmp_path / "a.onnx", contract)


@pytest.mark.parametrize("module", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = small_bundle()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingRuntimeError, match=r"pip install 'hrpn-tf\[onnx\]'"):
        open_onnx(bundle / "onnx/fp32/model.onnx", contract_of(bundle))
