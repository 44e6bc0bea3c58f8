"""``hrpn-tf models`` and ``hrpn-tf import-weights``, from the arguments to what they leave."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.command import hrpn_tf
from support.places import DOCS
from support.published_reference import reference, reference_input, state_dict

from hrpn_tf.errors import CheckpointError, OutputExistsError, RunError, UsageError
from hrpn_tf.models.presets import list_presets
from hrpn_tf.runs.writing import refuse_no_run


def test_models_lists_every_preset() -> None:
    output = hrpn_tf("models").out
    rows = {line.split()[0]: line for line in output.splitlines()}
    assert set(rows) == {"preset", *(preset.name for preset in list_presets())}
    for expected in ("2,176,824", "18.25", "all", "32", "seams"):
        assert expected in rows["hrpn-published"].split()

    guide = (DOCS / "reference" / "models.md").read_text("utf-8")
    for preset in list_presets():
        name, parameters, gmac, field, multiple, tiles = rows[preset.name].split()[:6]
        field = "the whole input" if field == "all" else f"{field} px"
        exact = "yes" if tiles == "exact" else "no"
        assert f"| `{name}` | {parameters} | {gmac} | {field} | {multiple} px | {exact} |" in guide


def test_models_as_json_for_another_input() -> None:
    arguments = ["--json", "--inputs", "3", "--size", "250"]
    output = hrpn_tf("models", *arguments).out
    published = next(each for each in json.loads(output) if each["name"] == "hrpn-published")
    assert published["size"] == 256  # the next multiple of 32
    assert published["parameters"] == 2_176_824 + 64 * 9  # one more channel into the first 3x3
    assert published["receptive_field"] is None


def test_import_weights_leaves_a_run_that_predicts(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from hrpn_tf.runs import load_run

    tensors = {name: torch.from_numpy(value) for name, value in state_dict().items()}
    torch.save({"model": tensors}, tmp_path / "best.pth")
    out = tmp_path / "imported"
    arguments = [str(tmp_path / "best.pth"), "--out", str(out), "--pixel-size", "0.5"]
    arguments += ["--set", "data.inputs=[cd31, dapi]"]
    assert hrpn_tf("import-weights", *arguments).exit_code == 0

    model, contract, config = load_run(out)
    assert contract.inputs == config.data.inputs == ("cd31", "dapi")
    assert contract.pixel_size_um == 0.5
    assert (contract.stride_multiple, contract.tile_exact) == (32, False)
    expected = reference()["output"]
    found = model(reference_input(), training=False).numpy()
    assert np.abs(found - expected).max() < 1e-4 * expected.std()

    again = hrpn_tf("import-weights", *arguments)
    assert again.exit_code == OutputExistsError.exit_code
    assert "exists" in again.err


def test_failed_import_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "best.pth").write_bytes(b"no checkpoint")
    arguments = [str(tmp_path / "best.pth"), "--out", str(tmp_path / "imported")]
    failed = hrpn_tf("import-weights", *arguments)
    assert failed.exit_code == CheckpointError.exit_code
    assert failed.err.startswith(f"hrpn-tf: {tmp_path}/best.pth: ")
    assert [path.name for path in tmp_path.iterdir()] == ["best.pth"]


def test_an_import_replaces_neither_its_checkpoint_nor_what_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "best.pth").write_bytes(b"of a training")
    arguments = [str(tmp_path / "best.pth"), "--out", str(tmp_path), "--overwrite"]
    assert hrpn_tf("import-weights", *arguments).exit_code == UsageError.exit_code
    with pytest.raises(RunError, match="no run"):
        refuse_no_run(tmp_path)
    assert (tmp_path / "best.pth").read_bytes() == b"of a training"
    refuse_no_run(tmp_path / "nothing yet")
    (tmp_path / "empty").mkdir()
    refuse_no_run(tmp_path / "empty")
