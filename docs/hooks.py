"""Hooks of the site: the generated parts of reference pages, and a check of the finished pages."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from hrpn_tf.cli.main import COMMANDS
from hrpn_tf.config.reference import reference
from hrpn_tf.evaluation.report.pages import read_glossary

# What a browser fetches by itself when it opens a page; the link of an <a> waits for a click.
LOADED = {"src", "srcset", "poster", "data"}
LOADED_LINKS = {"stylesheet", "icon", "preload", "preconnect", "modulepreload", "manifest"}


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace each comment that marks a generated part by that part."""
    for mark, generate in GENERATED.items():
        if f"<!-- {mark} -->" in markdown:
            markdown = markdown.replace(f"<!-- {mark} -->", generate())
    return markdown


def on_post_build(config: MkDocsConfig) -> None:
    """Stop the build at a dead link, or at a page that loads something from another server."""
    site = Path(config.site_dir).resolve()
    pages = {path: _Links(path) for path in sorted(site.rglob("*.html"))}
    faults = [fault for links in pages.values() for fault in links.faults(site, pages)]
    if faults:
        raise PluginError("\n".join(faults))


def commands() -> str:
    """A table of all commands, and a block of mkdocs-click for each, in the order of use."""
    table = ["| command | purpose |", "|---|---|"]
    blocks = []
    for name, purpose in COMMANDS.items():
        table.append(f"| [`hrpn-tf {name}`](#hrpn-tf-{name}) | {purpose} |")
        module = f"hrpn_tf.cli.{name.replace('-', '_')}"
        blocks.append(
            f"::: mkdocs-click\n    :module: {module}\n    :command: command\n"
            f"    :prog_name: hrpn-tf {name}\n    :depth: 1\n"
        )
    return "\n".join([*table, "", *blocks])


def glossary() -> str:
    """A table of all terms."""
    rows = [f"| {term} | {meaning} |" for term, meaning in read_glossary().items()]
    return "\n".join(["| term | definition |", "|---|---|", *rows])


GENERATED = {"commands": commands, "configuration": reference, "glossary": glossary}


class _Links(HTMLParser):
    """The anchors of one page, the links on it, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.anchors = {"", "__top"}
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        self.loaded |= {values[name] for name in LOADED & values.keys()}
        if tag == "link" and LOADED_LINKS & set(values.get("rel", "").split()):
            self.loaded.add(values["href"])
        elif tag in ("a", "area") and "href" in values:
            self.links.add(values["href"])

    def faults(self, site: Path, pages: dict[Path, "_Links"]) -> Iterator[str]:
        """One line for each dead link and each thing loaded from elsewhere."""
        for url in sorted(self.loaded | self.links):
            parts = urlsplit(url)
            if parts.scheme == "data" or ((parts.scheme or parts.netloc) and url in self.links):
                continue
            if parts.scheme or parts.netloc:
                yield f"{self.path}: loads {url} from another server"
                continue
            target = self.path
            if parts.path:  # the page of an unknown address starts its links at the root
                root = site if parts.path.startswith("/") else self.path.parent
                target = (root / unquote(parts.path).lstrip("/")).resolve()
            if target.is_dir():
                target /= "index.html"
            page = pages.get(target)
            if not target.exists():
                yield f"{self.path}: {url} leads nowhere"
            elif page and unquote(parts.fragment) not in page.anchors:
                yield f"{self.path}: {url} names an anchor that its page lacks"
