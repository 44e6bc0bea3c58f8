"""The files at the root: they are valid, agree with each other, and name what is there."""

import configparser
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import check_jsonschema
import pytest
import yaml
from click.testing import CliRunner
from support.places import ROOT

from hrpn_tf import __version__

BIN = Path(sys.executable).parent
FORMS = sorted(path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docker/README.md"]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def call(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(command), cwd=ROOT, capture_output=True, text=True, check=False)


def problems(schema: str, *paths: Path) -> str:
    """What a JSON schema that check-jsonschema brings has against the files; empty: nothing."""
    options = ["--builtin-schema", f"vendor.{schema}", *map(str, paths)]
    done = CliRunner().invoke(check_jsonschema.main, options)
    return done.output if done.exit_code else ""


def steps(workflow_file: str) -> list[dict[str, Any]]:
    workflow = yaml.safe_load(read(f".github/workflows/{workflow_file}"))
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


# Citation


def test_the_citation_is_valid() -> None:
    assert problems("citation-file-format", ROOT / "CITATION.cff") == ""


@pytest.mark.parametrize(
    "change",
    [
        {"authors": None},
        {"authors": []},
        {"date-released": "28.11.2026"},
        {"licence": "Apache-2.0"},
        {"type": "programme"},
        {"references": [{"type": "article", "title": "without authors"}]},
    ],
    ids=str,
)
def test_a_wrong_citation_is_found(change: dict[str, Any], tmp_path: Path) -> None:
    citation = yaml.safe_load(read("CITATION.cff")) | change
    left = {key: value for key, value in citation.items() if value is not None}
    (tmp_path / "CITATION.cff").write_text(yaml.safe_dump(left))
    assert problems("citation-file-format", tmp_path / "CITATION.cff")


def test_the_citation_is_of_this_version_and_licence() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert citation["version"] == __version__
    assert citation["title"] == setup["metadata"]["name"]
    assert citation["license"] == setup["metadata"]["license"]


# Changelog


def test_the_changelog_begins_with_this_version() -> None:
    releases = re.findall(r"^## \[(.+)\] - (\d{4}-\d\d-\d\d)$", read("CHANGELOG.md"), re.MULTILINE)
    released = yaml.safe_load(read("CITATION.cff"))["date-released"]
    assert releases[0] == (__version__, released)
    numbers = [tuple(map(int, version.split("."))) for version, _ in releases]
    assert numbers == sorted(numbers, reverse=True)
    assert [date for _, date in releases] == sorted((date for _, date in releases), reverse=True)


def test_the_changelog_has_the_headings_of_its_format() -> None:
    headings = re.findall(r"^(#{2,}) (.+)$", read("CHANGELOG.md"), re.MULTILINE)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert {name for depth, name in headings if depth == "###"} <= kinds
    assert {depth for depth, _ in headings} == {"##", "###"}


# What the hosting site reads


def test_the_issue_forms_are_valid() -> None:
    forms = [path for path in FORMS if path.name != "config.yml"]
    assert [path.stem for path in forms] == ["bug", "feature", "results"]
    assert problems("github-issue-forms", *forms) == ""
    assert problems("github-issue-config", ROOT / ".github/ISSUE_TEMPLATE/config.yml") == ""


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_asks_for_something(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.name == "config.yml":
        assert form == {"blank_issues_enabled": True}
        return
    assert {"name", "description", "labels", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert all({"id", "attributes"} <= set(field) for field in fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_an_issue_form_without_its_parts_is_found(tmp_path: Path) -> None:
    form = yaml.safe_load(FORMS[0].read_text(encoding="utf-8"))
    del form["body"]
    (tmp_path / "form.yml").write_text(yaml.safe_dump(form))
    assert "body" in problems("github-issue-forms", tmp_path / "form.yml")


def test_hosted_ci_runs_the_script_of_ci_and_nothing_else() -> None:
    assert problems("github-workflows", ROOT / ".github/workflows/ci.yml") == ""
    assert [step["run"] for step in steps("ci.yml") if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci/run").stat().st_mode & 0o100
    (python,) = (step for step in steps("ci.yml") if "setup-python" in step.get("uses", ""))
    assert python["with"] == {"python-version": "3.11"}


def test_every_night_all_tests_run() -> None:
    assert problems("github-workflows", ROOT / ".github/workflows/nightly.yml") == ""
    (command,) = (step["run"] for step in steps("nightly.yml") if "run" in step)
    assert command.startswith("make test ")
    assert "-m " not in command


# Hooks


def test_hooks_are_what_make_check_runs() -> None:
    done = call(BIN / "pre-commit", "validate-config", ROOT / ".pre-commit-config.yaml")
    assert done.returncode == 0, done.stdout
    (local,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    entries = [hook["entry"].split()[0] for hook in local["hooks"]]
    assert all((BIN / Path(entry).name).is_file() for entry in entries)
    check = re.search(r"^check:.*\n((?:\t.*\n)+)", read("Makefile"), re.MULTILINE)
    assert check
    assert set(entries) == {f".venv/bin/{name}" for name in re.findall(r"\)/(\S+)", check[1])}


# Images


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_an_image_is_built_from_what_is_there(path: Path) -> None:
    done = call(BIN / "hadolint", path)
    assert done.returncode == 0, done.stdout
    text = path.read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert bases
    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base) for base in bases)
    users = re.findall(r"^USER (\d+)$", text, re.MULTILINE)
    assert users
    assert int(users[-1]) > 0
    copies = re.findall(r"^COPY (?!--)(.+) \S+$", text, re.MULTILINE)
    copied = {source for line in copies for source in line.split()}
    taken = re.findall(r"^!(.+)$", read(".dockerignore"), re.MULTILINE)
    assert copied <= set(taken)
    assert all((ROOT / source).exists() for source in copied)
    assert {"hrpn_tf", "export/hrpn_export", "benchmarks/hrpn_benchmarks"} <= copied
    assert {"setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE"} <= copied


def test_hadolint_finds_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "bad.Dockerfile"
    bad.write_text("FROM python\nRUN pip install numpy\n")
    assert call(BIN / "hadolint", bad).returncode == 1


def test_images_are_named_after_the_version() -> None:
    assert [path.name.split(".")[0] for path in DOCKERFILES] == ["inference", "train"]
    done = call("make", "--silent", "docker", "ENGINE=echo")
    assert sorted(done.stdout.split("\n")[:-1]) == [
        f"build --file docker/{name}.Dockerfile --tag hrpn-tf-{name}:{__version__} ."
        for name in ("inference", "train")
    ]


def test_no_image_is_built_without_an_engine() -> None:
    done = call("make", "docker", "ENGINE=")
    assert done.returncode == 2
    assert "no image built: neither docker nor podman answers" in done.stderr


# Make


@pytest.mark.parametrize(
    ("build", "override"),
    [
        ("tensorflow-cpu", "tensorflow; python_version < '3'"),
        ("tensorflow", ""),
        ("tensorflow[and-cuda]", ""),
    ],
)
def test_the_build_of_tensorflow_that_was_chosen_is_installed(build: str, override: str) -> None:
    command = ["make", "--dry-run", "--what-if=setup.cfg", f"TENSORFLOW={build}"]
    done = call(*command, ".venv/installed")
    assert f'echo "{override}" > .venv/override.txt' in done.stdout
    assert f'"{build}>=2.21,<2.22"' in done.stdout


# Links


def anchors(path: Path) -> set[str]:
    """As the hosting site and the documentation make them of headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", read(name))
    for link in (link for link in links if "://" not in link):
        target, _, anchor = link.partition("#")
        path = (ROOT / name).parent / target
        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link
