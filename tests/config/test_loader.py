"""Reading, overriding and refusing configurations."""

import os
from pathlib import Path

import pytest

from hrpn_tf.config import Config, load_config, to_yaml
from hrpn_tf.config.loader import recipes
from hrpn_tf.errors import ConfigError


def test_defaults_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "hrpn.yaml"
    path.write_text(to_yaml(Config()))
    assert load_config(path) == Config()


@pytest.mark.parametrize("name", sorted(recipes()))
def test_every_recipe_is_valid_and_survives_storing(name: str, tmp_path: Path) -> None:
    config = load_config(name)
    (tmp_path / "stored.yaml").write_text(to_yaml(config))
    assert load_config(tmp_path / "stored.yaml") == config != Config()


def test_override_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "hrpn.yaml"
    path.write_text("training: {batch_size: 4, seed: 7}\n")
    config = load_config(path, ["training.batch_size=8", "data.inputs=[a, b, c]"])
    assert (config.training.batch_size, config.training.seed) == (8, 7)
    assert config.data.inputs == ("a", "b", "c")


def test_a_wrong_override_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    path = tmp_path / "hrpn.yaml"
    path.write_text("training: {batch_size: 4}\n")
    with pytest.raises(ConfigError, match=r"^unknown key training\.batch_sice"):
        load_config(path, ["training.batch_sice=8"])
    path.write_text("training: {batch_sice: 4}\n")
    with pytest.raises(ConfigError, match=r"hrpn\.yaml: unknown key training\.batch_sice"):
        load_config(path, ["training.epochs=8"])


def test_override_fills_a_section_that_the_file_leaves_empty(tmp_path: Path) -> None:
    path = tmp_path / "hrpn.yaml"
    path.write_text("data:\ntraining: {adversarial: null}\n")
    config = load_config(path, ["data.patch=64", "training.adversarial.weight=2"])
    assert config.data.patch == 64
    assert config.training.adversarial is not None
    assert config.training.adversarial.weight == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "training: {batch_sise: 4}",
            "unknown key training.batch_sise, did you mean training.batch_size",
        ),
        ("trainning: {}", "unknown key trainning, did you mean training?"),
        ("training: {optimizer: {nesterov: true}}", "unknown key training.optimizer.nesterov"),
        ("training: {batch_size: 0}", "training.batch_size: Input should be greater than or equal"),
        ("data: {inputs: [qd], target: qd}", "inputs and target must be different roles"),
        ("data: {channels: {tracer: 1}}", "neither input nor target"),
        ("training: {optimizer: {learning_rate: .nan}}", "finite"),
        ("batch_size: 4", "unknown key batch_size, did you mean training.batch_size?"),
        ("training:", "training: expected a section with keys, not null"),
        ("training: {adversarial: 3}", "training.adversarial: expected a section with keys, not 3"),
        ("training: {epochs: 1.5}", "training.epochs: expected whole number, not 1.5 (Length of"),
        ("data: {inputs: vessels}", "data.inputs: expected list of text, not 'vessels' ("),
        ("data: {channels: {qd: [1]}}", "channels.qd: expected one text or whole number per name"),
        ("training: {loss: huber}", "training.loss: no loss 'huber'; there are mse, mae"),
        (
            "prediction: {tile: 8}",
            "prediction.tile: Input should be greater than or equal to 32, not 8 (Largest side "
            "length of a tile, without its halo; unit: px)",
        ),
        (
            "spatial: {background: near}",
            "spatial.background: expected number, `auto`, `fit` or `far`, not 'near' (Intensity",
        ),
        ("- a list", "expected sections with keys"),
        ("a: [1", "not valid YAML"),
        ("x: !!python/object/apply:os.system [true]", "not valid YAML"),
    ],
)
def test_bad_files_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "hrpn.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training", "expected section.key=value"),
        ("training.batch_sice=3", "did you mean training.batch_size"),
        ("training.seed.x=3", "unknown key|seed"),
        ("training.seed=[1", "not valid YAML"),
    ],
)
def test_bad_overrides_are_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(overrides=[override])


def test_missing_file_lists_the_recipes() -> None:
    with pytest.raises(ConfigError, match=r"no such file.*demo"):
        load_config("nowhere.yaml")


BOMB = "a: &a [x,x]\nb: &b [*a,*a]\ndata: *b\n"
MALICIOUS = {
    "bomb": BOMB,
    "deep": "[" * 20000,
    "digits": "prediction: {tile: " + "9" * 5000 + "}",
    "hex": "prediction: {tile: 0x" + "f" * 5000 + "}",
    "date": "prediction: {halo: 2001-99-99}",
    "self": "&a\ndata: *a\n",
    "key": "? [a, b]\n: c\n",
    "number": "1: 2\n",
    "nan": "prediction: {halo: .nan}",
    "tag": "model: !!python/object/apply:os.system ['true']\n",
}


@pytest.mark.parametrize("name", MALICIOUS)
def test_malicious_files_are_named_errors(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(MALICIOUS[name], encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 2000


@pytest.mark.parametrize(
    "value", ["9" * 5000, "0x" + "f" * 5000, "2001-99-99", "[" * 5000, "&a [*a]", "1:" * 400 + "1"]
)
def test_malicious_overrides_are_named_errors(value: str) -> None:
    with pytest.raises(ConfigError, match=r"not valid YAML|whole number"):
        load_config(None, [f"prediction.tile={value}"])


def test_a_pipe_and_a_device_are_no_configuration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(ConfigError, match="not a regular file"):
            load_config(path)


def test_the_nearest_key_is_suggested() -> None:
    with pytest.raises(ConfigError, match=r"did you mean training\.batch_size\?"):
        load_config(None, ["training.batchsize=3"])
