"""The site of the documentation: it opens from a disk, and a fault in a page stops the build."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.places import DOCS, ROOT

from hrpn_tf.cli.main import COMMANDS
from hrpn_tf.config import load_config

pytest.importorskip("mkdocs", reason="the extra docs is not installed")


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    return subprocess.run(
        [*command, "--config-file", str(config), "--site-dir", str(site)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built here, or the one that ``make docs`` has just built, where ``HRPN_SITE`` names it."""
    if built := os.environ.get("HRPN_SITE"):
        return ROOT / built
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_every_command_and_every_section_is_in_the_reference(site: Path) -> None:
    commands = (site / "reference" / "command-line.html").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f'id="hrpn-tf-{name}"' not in commands] == []
    sections = (site / "reference" / "configuration.html").read_text(encoding="utf-8")
    names = type(load_config()).model_fields
    assert [name for name in names if f'id="{name}"' not in sections] == []


@pytest.mark.slow
def test_pages_open_from_a_disk_and_search_without_a_server(site: Path, browser: Any) -> None:
    page = browser.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    for name in ("index.html", "reference/python-api.html"):
        page.goto((site / name).as_uri(), timeout=120_000)
        page.get_by_role("textbox", name="Search").fill("halo")
        page.get_by_text("Glossary").first.wait_for(timeout=120_000)
    elsewhere = [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
    assert elsewhere == []
    page.close()


def test_faults_of_a_page_stop_the_build_and_are_named(tmp_path: Path) -> None:
    faults = {
        "[page](gone.md)": "'gone.md'",
        "[part](index.md#lost)": "#lost",
        '<a href="away.html">page</a>': "away.html leads nowhere",
        '<a href="index.html#none">part</a>': "index.html#none names an anchor that its page lacks",
        '<img src="https://example.org/a.png">': "loads https://example.org/a.png from another",
    }
    pages = tmp_path / "docs"
    pages.mkdir()
    shutil.copy(DOCS / "hooks.py", pages)
    (pages / "index.md").write_text("# Title\n\n" + "\n\n".join(faults), encoding="utf-8")
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    validation = re.search(r"^validation:\n(?:  .*\n)+", config, re.M)
    assert validation is not None
    (tmp_path / "mkdocs.yml").write_text(
        "site_name: test\ntheme: {name: material, font: false}\n"
        f"hooks: [docs/hooks.py]\nexclude_docs: hooks.py\n{validation.group()}",
        encoding="utf-8",
    )
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode != 0
    assert [fault for fault in faults.values() if fault not in done.stderr] == [], done.stderr
