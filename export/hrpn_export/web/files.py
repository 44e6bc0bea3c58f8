"""The files of a page: scripts as they are, and data packed into scripts.

A page that is opened from a disk may load scripts, but fetch nothing. So a library of WebAssembly,
the source of a worker and the network itself are scripts that hand over data:
``hrpnFile("NAME", {"PART": "BASE64", ...});`` with parts that are deflated (zlib).
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

from hrpn_export.errors import DamagedBundleError
from hrpn_export.viewer import VIEWER_ASSETS
from hrpn_export.viewer.vendor import read_vendored
from hrpn_export.web import WEB_ASSETS

# In the order in which the page loads them.
SCRIPTS = (
    "openseadragon.min.js",
    "paint.js",
    "values.js",
    "controls.js",
    "viewer.js",
    "colours.js",
    "files.js",
    "network.js",
    "ome.js",
    "tiling.js",
    "store.js",
    "tiff-writer.js",
    "slide.js",
    "app.js",
)
LICENCES = ("openseadragon-LICENSE.txt", "geotiff-LICENSE.txt")
MODEL = "model"
# Pack: part: files that it consists of, one after another.
_PACKS: dict[str, dict[str, tuple[str, ...]]] = {
    "network-wasm": {
        "script": ("ort.wasm.min.js.xz", "network-worker.js"),
        "glue": ("ort-wasm-simd-threaded.mjs.xz",),
        "wasm": ("ort-wasm-simd-threaded.wasm.xz",),
    },
    "network-webgpu": {
        "script": ("ort.jspi.min.js.xz", "network-worker.js"),
        "glue": ("ort-wasm-simd-threaded.jspi.mjs.xz",),
        "wasm": ("ort-wasm-simd-threaded.jspi.wasm.xz",),
    },
    "slide-worker": {"script": ("geotiff.js.xz", "png.js", "sha256.js", "slide-worker.js")},
}
PACKS = tuple(_PACKS)
_CALL = re.compile(r'hrpnFile\("([a-z0-9-]+)", (\{.*\})\);\n', re.ASCII)
_LARGEST = 2**31  # bytes of a part


def asset(name: str) -> bytes:
    """Content of a file of this package that the page consists of."""
    own = WEB_ASSETS / name
    return read_vendored(own if own.exists() else VIEWER_ASSETS / name)


def styles() -> str:
    """The styles of the page."""
    return b"".join(asset(name) for name in ("page.css", "viewer.css", "web.css")).decode("utf-8")


def pack_parts(name: str) -> dict[str, bytes]:
    """The parts of a pack that every page has."""
    return {
        part: b"\n;\n".join(asset(each) for each in names) for part, names in _PACKS[name].items()
    }


def pack(name: str, parts: Mapping[str, bytes]) -> str:
    """A script that hands over parts.

    >>> pack("model", {"a": b""})
    'hrpnFile("model", {"a": "eJwDAAAAAAE="});\\n'
    """
    texts = {k: base64.b64encode(zlib.compress(v)).decode("ascii") for k, v in parts.items()}
    return f'hrpnFile("{name}", {json.dumps(texts)});\n'


def unpack(path: Path) -> dict[str, bytes]:
    """The parts of a script that :func:`pack` wrote; the file is not trusted.

    Raises:
        DamagedBundleError: it is anything else.
    """
    found = _CALL.fullmatch(path.read_text(encoding="ascii", errors="replace"))
    try:
        if found is None or found[1] != path.stem:
            raise ValueError("no data of a page")
        texts = json.loads(found[2])
        return {str(part): _inflate(base64.b64decode(text)) for part, text in texts.items()}
    except (ValueError, TypeError, AttributeError, RecursionError, zlib.error) as error:
        raise DamagedBundleError(f"{path}: cannot be read: {error}") from None


def _inflate(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    content = stream.decompress(data, _LARGEST)
    if not stream.eof or stream.unused_data:
        raise ValueError("data of a page are incomplete, or too large")
    return content
