"""Pages from templates; whatever comes from files is escaped, and acts on nothing."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_export.viewer import VIEWER_ASSETS

from hrpn_tf.text import printable

if TYPE_CHECKING:
    import jinja2

_HERE = Path(__file__).parent
# What a slide's page loads from the folder of assets. The first page is complete in itself.
SCRIPTS = (
    "page.js",
    "openseadragon.min.js",
    "paint.js",
    "tiles.js",
    "values.js",
    "controls.js",
    "viewer.js",
    "slide.js",
)
_THIN = "\u202f"  # between the thousands of numbers
_ASSETS = (*SCRIPTS, "openseadragon-LICENSE.txt")


def render(template: str, **values: Any) -> str:
    """A page.

    Args:
        template: file name in ``templates``.
        values: that it names; a missing one is an error.
    """
    return _environment().get_template(template).render(values)


def copy_assets(folder: Path) -> None:
    """Put the scripts of the viewer into a folder, which is made."""
    folder.mkdir(parents=True)
    for name in _ASSETS:
        (folder / name).write_bytes(_path(name).read_bytes())


def asset(name: str) -> str:
    """Text of a file that is put into a page as it is: ours, never a user's."""
    return _path(name).read_text(encoding="utf-8")


def _path(name: str) -> Path:
    """A file of the report, or of the viewer that it shares with the web page of a bundle."""
    own = _HERE / "assets" / name
    return own if own.exists() else VIEWER_ASSETS / name


@cache
def read_glossary() -> dict[str, str]:
    """Term: definition, as Markdown."""
    import yaml

    found: dict[str, str] = yaml.safe_load(asset("glossary.yaml"))
    return found


def glossary() -> list[tuple[str, str]]:
    """Terms and definitions as plain text."""
    return [(term, meaning.replace("`", "")) for term, meaning in read_glossary().items()]


@cache
def _environment() -> "jinja2.Environment":
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([_HERE / "templates", VIEWER_ASSETS]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    # the order of scales and layers is that of the panel
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    environment.globals["asset"] = lambda name: Markup(asset(name))
    environment.filters["figure"] = format_figure
    environment.filters["size"] = format_size
    return environment


def _printable(value: Any) -> Any:
    """What a page shows of a value; markup is ours and stays as it is."""
    if type(value) is not str:
        return value
    # a line does not end between a number and its per cent
    return _THIN.join(map(printable, value.split(_THIN))).replace(" %", "\N{NO-BREAK SPACE}%")


def format_figure(value: Any, digits: int = 3) -> str:
    """A number as the tables print it; a dash for none.

    >>> format_figure(0.75752), format_figure(None), format_figure(1234567)
    ('0.758', '–', '1\u202f234\u202f567')
    """
    if value is None or value == "":
        return "–"
    if not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        digits = 0
    return f"{value:,.{digits}f}".replace(",", _THIN).replace("-", "−")


def format_signed(value: float, digits: int = 3) -> str:
    """A number with a true minus sign.

    >>> format_signed(-0.5)
    '−0.500'
    """
    return f"{value:.{digits}f}".replace("-", "−")


def format_size(count: float) -> str:
    """Bytes in a unit that is easily read.

    >>> format_size(2_400_000)
    '2.4 MB'
    """
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
