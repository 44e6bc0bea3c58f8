"""The file of ``hrpn-tf export --about``: what it says reaches the description, or an error."""

from pathlib import Path

import pytest
from support.command import hrpn_tf
from support.run_folder import make_run

from hrpn_tf.errors import UsageError
from hrpn_tf.workflows.export.publication import read_publication

FULL = """
description: Predicts nanoparticles in tumour sections.
licence: CC-BY-4.0
authors:
  - {name: Ada Example, affiliation: A University, orcid: 0000-0002-1825-0097}
maintainers:
  - {name: Ada Example, github_user: ada}
tags: [nanoparticles, tumour]
covers: [cover.png]
cite:
  - {text: A paper., doi: 10.1234/x.y}
repository: https://github.com/example/example
"""


def saved(folder: Path, text: str) -> Path:
    (folder / "about.yaml").write_text(text)
    return folder / "about.yaml"


def test_all_of_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "cover.png").write_bytes(b"png")
    found = read_publication(saved(tmp_path, FULL))
    assert found.authors[0].orcid == "0000-0002-1825-0097"
    assert found.maintainers[0].github_user == "ada"
    assert found.covers == (tmp_path / "cover.png",)
    assert found.cite[0].doi == "10.1234/x.y"
    assert read_publication(saved(tmp_path, "tags: [a]")).authors == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "expected keys such as authors and tags"),
        ("a: [", "not valid YAML"),
        ("author: Ada", r"author: Extra inputs are not permitted \(known: description, licence"),
        ("authors: [{affiliation: x}]", r"authors\.0\.name: Field required"),
        ("authors: [{name: Ada, orcid: 1}]", r"authors\.0\.orcid"),
        ("maintainers: [{name: Ada}]", r"maintainers\.0\.github_user: Field required"),
        ("cite: [{text: a, doi: 'https://x'}]", r"cite\.0\.doi"),
        ("repository: 'javascript:alert(1)'", "repository"),
        ("covers: [none.png]", "there is no cover"),
        ("covers: [about.yaml]", r"is none of \.gif"),
        ("covers: [large.png]", "larger than 500 kB"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "large.png").write_bytes(bytes(500_001))
    with pytest.raises(UsageError, match=message) as error:
        read_publication(saved(tmp_path, text))
    assert "\n" not in str(error.value)


def test_it_is_read_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "best.keras").write_bytes(b"never opened")
    run = make_run(tmp_path / "run", tmp_path / "best.keras", store=tmp_path / "none")
    file = saved(tmp_path, "tag: [a]")
    ended = hrpn_tf("export", run, "--out", tmp_path / "b", "--about", file)
    assert ended.exit_code == 2
    assert "about.yaml: tag: Extra inputs are not permitted" in ended.err
    assert not (tmp_path / "b").exists()
