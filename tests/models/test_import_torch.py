"""Loading state dicts: what fits, what does not, and files that are not what they should be."""

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from support.published_reference import reference, reference_input, shapes, state_dict

from hrpn_tf.errors import CheckpointError
from hrpn_tf.models.build import build_model
from hrpn_tf.models.import_torch import _entries, _torch_shape, load_state_dict, read_checkpoint


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build_model("hrpn-published", inputs=2)


def test_expects_the_published_names_and_shapes(model: keras.Model) -> None:
    assert {name: _torch_shape(value) for name, value in _entries(model)} == shapes()


def test_prefix_and_counters_are_ignored(model: keras.Model) -> None:
    wrapped = {f"module.{name}": value for name, value in state_dict().items()}
    wrapped["module.backbone.bn1.num_batches_tracked"] = np.array(7)
    load_state_dict(model, wrapped)
    kernel = model.get_layer("backbone-layer1-0-conv2").kernel.numpy()
    expected = state_dict()["backbone.layer1.0.conv2.weight"]
    np.testing.assert_array_equal(kernel[2, 0, 5, 9], expected[9, 5, 2, 0])


def without(name: str) -> dict[str, np.ndarray]:
    state = state_dict()
    del state[name]
    return state


@pytest.mark.parametrize(
    ("state", "match"),
    [
        (without("cls_head.3.weight"), "missing cls_head.3.weight$"),
        (state_dict() | {"last_layer.0.weight": np.ones(3)}, "unexpected last_layer.0.weight$"),
        ({"fc.weight": np.ones(3)}, "missing backbone.bn1.bias, .* and 314 more; unexpected fc"),
        (
            state_dict() | {"cls_head.0.bias": np.ones(5)},
            r"cls_head.0.bias: shape \(5,\), the model needs \(270,\)",
        ),
        (
            state_dict() | {"cls_head.0.bias": np.full(270, np.nan)},
            "cls_head.0.bias: holds NaN",
        ),
    ],
    ids=["missing", "unexpected", "another network", "shape", "nan"],
)
def test_wrong_state_is_refused_and_changes_nothing(
    model: keras.Model, state: dict[str, np.ndarray], match: str
) -> None:
    before = model.get_weights()
    with pytest.raises(CheckpointError, match=match):
        load_state_dict(model, state)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


class Code:
    """Unpickled carelessly, this runs a command."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


class TestFiles:
    @pytest.fixture(autouse=True)
    def torch(self) -> Any:
        return pytest.importorskip("torch")

    @pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "model_state_dict"])
    def test_wrapped_state_dicts(self, torch: Any, tmp_path: Path, wrapper: str | None) -> None:
        state = {"a": torch.arange(3, dtype=torch.float16), "b": torch.ones(2, 2)}
        content = state if wrapper is None else {wrapper: state, "epoch": 3}
        torch.save(content, tmp_path / "checkpoint.pth")
        read = read_checkpoint(tmp_path / "checkpoint.pth")
        assert set(read) == {"a", "b"}
        assert read["a"].dtype == np.float32
        np.testing.assert_array_equal(read["a"], [0, 1, 2])

    def test_published_checkpoint_gives_the_published_output(
        self, torch: Any, tmp_path: Path, model: keras.Model
    ) -> None:
        tensors = {name: torch.from_numpy(value) for name, value in state_dict().items()}
        torch.save(tensors, tmp_path / "best.pth")
        load_state_dict(model, read_checkpoint(tmp_path / "best.pth"))
        expected = reference()["output"]
        found = model(reference_input(), training=False).numpy()
        assert np.abs(found - expected).max() < 1e-4 * expected.std()

    def test_code_is_refused_and_not_run(self, torch: Any, tmp_path: Path) -> None:
        marker = tmp_path / "was-run"
        torch.save({"a": torch.ones(3), "b": Code(marker)}, tmp_path / "code.pth")
        with pytest.raises(CheckpointError, match=r"mkdir.*can run code"):
            read_checkpoint(tmp_path / "code.pth")
        assert not marker.exists()

    def test_a_whole_pickled_model_is_refused(self, torch: Any, tmp_path: Path) -> None:
        torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pth")
        with pytest.raises(CheckpointError, match=r"save model.state_dict\(\) alone"):
            read_checkpoint(tmp_path / "model.pth")

    @pytest.mark.parametrize(
        "content",
        [b"", b"not a checkpoint", b"\x89PNG\r\n\x1a\n" + bytes(100), pickle.dumps({"a": 1})],
        ids=["empty", "text", "png", "pickle"],
    )
    def test_other_files_are_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "other.pth").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"other\.pth: no PyTorch checkpoint"):
            read_checkpoint(tmp_path / "other.pth")

    def test_truncated_checkpoint_is_refused(self, torch: Any, tmp_path: Path) -> None:
        path = tmp_path / "cut.pth"
        torch.save({"a": torch.ones(300)}, path)
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(CheckpointError, match="damaged"):
            read_checkpoint(path)

    @pytest.mark.parametrize("content", [3, {"epoch": 3}, {"state_dict": {}}])
    def test_no_tensors(self, torch: Any, tmp_path: Path, content: Any) -> None:
        torch.save(content, tmp_path / "other.pth")
        with pytest.raises(CheckpointError, match="holds no state dict"):
            read_checkpoint(tmp_path / "other.pth")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        read_checkpoint(tmp_path / "nothing.pth")


def test_without_pytorch_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "best.pth").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"pip install 'hrpn-tf\[torch\]'"):
        read_checkpoint(tmp_path / "best.pth")
