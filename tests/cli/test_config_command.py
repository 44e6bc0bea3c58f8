"""``hrpn-tf config``: what it prints, refuses, and completes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.command import hrpn_tf

from hrpn_tf.config import load_config
from hrpn_tf.config.keys import list_keys
from hrpn_tf.config.loader import recipes
from hrpn_tf.config.schema import config_schema
from hrpn_tf.training.checks import adopt_preset

HRPN_TF = "from hrpn_tf.cli.main import run; run()"


def printed(*arguments: str) -> str:
    """What the command prints when it succeeds."""
    done = hrpn_tf("config", *arguments)
    assert done.exit_code == 0, done.err
    return done.out


def completions(words: str, shell: str = "zsh") -> list[str]:
    """What a shell is offered for the last word, which may be empty."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[:] = ['hrpn-tf']; {HRPN_TF}"],
        env={
            **os.environ,
            "_HRPN_TF_COMPLETE": f"{shell}_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("recipe", recipes())
def test_a_recipe_starts_a_file_that_is_the_recipe(recipe: str, tmp_path: Path) -> None:
    path = tmp_path / "hrpn.yaml"
    path.write_text(printed("--recipe", recipe), encoding="utf-8")
    assert load_config(path) == load_config(recipe)
    assert printed("--config", recipe) == printed("--recipe", recipe)
    assert f"made from {recipe}" in path.read_text(encoding="utf-8")


def test_overrides_and_a_section() -> None:
    text = printed("training.optimizer", "--set", "training.optimizer.name=adam")
    values = yaml.safe_load(text)["training"]
    assert list(values) == ["optimizer"]
    assert values["optimizer"]["name"] == "adam"


def test_it_prints_what_a_training_would_use(tmp_path: Path) -> None:
    values = yaml.safe_load(printed("training", "--set", "model.preset=pix2pix"))["training"]
    resolved = adopt_preset(load_config(overrides=["model.preset=pix2pix"])).training
    assert values == resolved.model_dump(mode="json")
    assert values["adversarial"]["reconstruction"] == 100.0
    path = tmp_path / "hrpn.yaml"
    path.write_text(printed("--set", "model.preset=pix2pix"), encoding="utf-8")
    assert adopt_preset(load_config(path)).training == resolved


def test_an_optional_section_can_be_set_in_a_printed_file(tmp_path: Path) -> None:
    path = tmp_path / "hrpn.yaml"
    path.write_text(printed(), encoding="utf-8")
    config = load_config(path, ["training.adversarial.weight=2"])
    assert config.training.adversarial is not None
    assert config.training.adversarial.weight == 2


def test_schema_is_json() -> None:
    assert json.loads(printed("--schema")) == config_schema()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trainig"], "no section or key trainig, did you mean training?"),
        (["data.pach"], "did you mean data.patch?"),
        (["--set", "trainig.epochs=3"], "unknown key trainig, did you mean training?"),
        (["--set", "training.epochs=0"], "(Length of the training; unit: epochs)"),
        (["--set", "model.preset=hrpn-x"], "no preset 'hrpn-x'"),
        (["--config", "nowhere.yaml"], "no such file, nor a shipped recipe"),
        (["--config", "demo", "--recipe", "demo"], "give one of them"),
        (["--schema", "training"], "give nothing else with it"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(arguments: list[str], message: str) -> None:
    wrong = hrpn_tf("config", *arguments)
    assert wrong.exit_code == 2
    assert not wrong.out
    assert message in wrong.err
    assert wrong.err.count("\n") == 1


def test_the_own_output_is_no_input(tmp_path: Path) -> None:
    path = tmp_path / "hrpn.yaml"
    path.write_text("training: {epochs: 3}\n", encoding="utf-8")
    with path.open("ab") as output:
        done = subprocess.run(
            [sys.executable, "-c", HRPN_TF, "config", "--config", str(path)],
            stdout=output,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
    assert done.returncode == 2
    assert "redirect to another file" in done.stderr
    assert path.read_text(encoding="utf-8") == "training: {epochs: 3}\n"


def test_a_redirected_file_is_utf_8_in_any_locale(tmp_path: Path) -> None:
    path = tmp_path / "hrpn.yaml"
    with path.open("wb") as output:
        subprocess.run(
            [sys.executable, "-c", HRPN_TF, "config", "--set", "data.target=dotté"],
            stdout=output,
            env={**os.environ, "PYTHONIOENCODING": "latin-1"},
            check=True,
        )
    assert load_config(path).data.target == "dotté"
    assert "µm" in path.read_text(encoding="utf-8")


def test_it_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom click.testing import CliRunner\nfrom hrpn_tf.cli.main import main\n"
        "for arguments in (['--recipe', 'demo'], ['--schema'], ['--set', 'model.preset=ganda']):\n"
        "    assert CliRunner().invoke(main, ['config', *arguments]).exit_code == 0, arguments\n"
        "loaded = {'tensorflow', 'keras', 'scipy', 'skimage', 'zarr'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_bash_gets_its_script() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HRPN_TF],
        env={**os.environ, "_HRPN_TF_COMPLETE": "bash_source"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0
    assert "complete -o nosort -F _hrpn_tf_completion hrpn-tf" in done.stdout


def test_set_completes_keys_with_their_meaning() -> None:
    keys = [f"{key.name}=" for key in list_keys() if not key.is_section]
    assert completions("hrpn-tf config --set ", "bash") == [f"plain,{key}" for key in keys]
    meaning = "Number of patches in one step, on all devices together"
    offered = completions("hrpn-tf simulate --set training.bat")
    assert offered == ["plain", "training.batch_size=", meaning]


def test_config_completes_recipes_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine.yaml", "demonstration.yml", "demo.txt"):
        (tmp_path / name).touch()
    recipes = ["demo", "dextran", "published", "weights"]
    everything = [*recipes, "demonstration.yml", "mine.yaml"]
    expected = [f"plain,{name}" for name in everything]
    assert completions("hrpn-tf config --config ", "bash") == expected
    offered = completions("hrpn-tf config --config demo", "bash")
    assert offered == ["plain,demo", "plain,demonstration.yml"]
    assert completions("hrpn-tf config --config ./", "bash") == ["file,./"]


def test_sections_complete() -> None:
    offered = completions("hrpn-tf config tr", "bash")
    assert offered == [
        "plain,training", "plain,training.adversarial", "plain,training.optimizer"
    ]  # fmt: skip
