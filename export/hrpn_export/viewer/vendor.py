"""The JavaScript libraries of the pages: which releases they are, and how to fetch them anew.

``make vendor`` takes the pinned releases from the npm registry by npm itself, refuses one unless
its checksum is the pinned one, and puts the files that are needed among the assets. They are part
of the repository and of the wheel, so neither an export nor an open page needs the network. Large
files are kept as xz, at a sixth of their size. For another release: change ``version``,
``integrity`` (``npm view PACKAGE@X dist.integrity``) and the checksums.
"""

import base64
import hashlib
import lzma
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hrpn_export.viewer import VIEWER_ASSETS
from hrpn_export.web import WEB_ASSETS


@dataclass(frozen=True)
class Release:
    """One release of a package on npm.

    Attributes:
        package, version: which one.
        integrity: checksum of the archive, as the registry states it.
        folder: where its files go.
        files: member of the archive: (name there, SHA-256 of the content). The content of a name
            with the suffix ``.xz`` is compressed.
    """

    package: str
    version: str
    integrity: str
    folder: Path
    files: Mapping[str, tuple[str, str]]


RELEASES = (
    Release(
        "openseadragon",
        "6.1.1",
        "sha512-"
        "g4iKe2q8B642SaBT3+x4ZF3/8b1TxPPydyjmtrOLgDrlYWMKd9ZXM+1Cb/xa9DVySkvs/7l6HR1nHKfD5F3Tsw==",
        VIEWER_ASSETS,
        {
            "package/build/openseadragon/openseadragon.min.js": (
                "openseadragon.min.js",
                "14d587cd3ee7c4861f1a41077ce642029364a21029956ba635bd8fb1202cf9ad",
            ),
            "package/LICENSE.txt": (
                "openseadragon-LICENSE.txt",
                "17da96b26ac706d2cbd06d4555dedb43026782f4943faf0156fe7acf89454228",
            ),
        },
    ),
    Release(
        "geotiff",
        "3.0.5",
        "sha512-"
        "OWcL9S9+yDZ6iAlXMt32T1iwUApJM8UiD47xbm6ZP1h33d10fqkPs14EG/ttT5EnefpZSx3G15iDFC5FxUNUwA==",
        WEB_ASSETS,
        {
            "package/dist-browser/geotiff.js": (
                "geotiff.js.xz",
                "8cfc01ffc945904766d8fb89f19da7afb799e342834454f5592fbcf0bcfe2db5",
            ),
            "package/LICENSE": (
                "geotiff-LICENSE.txt",
                "da0811089f254e909f69f75fa496ca97e5167a8eaa945d9a6bffdd8499b47a49",
            ),
        },
    ),
    # The build "wasm" runs on the processor, "jspi" on the GPU through WebGPU. Its licence is in
    # the first lines of the scripts (MIT); the archive holds no file of it.
    Release(
        "onnxruntime-web",
        "1.30.0",
        "sha512-"
        "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
        WEB_ASSETS,
        {
            "package/dist/ort.wasm.min.js": (
                "ort.wasm.min.js.xz",
                "faece07e84faa9001f5104bbe4e5c70861d06cb2376a0dea1fa0ad33a67adc81",
            ),
            "package/dist/ort-wasm-simd-threaded.mjs": (
                "ort-wasm-simd-threaded.mjs.xz",
                "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
            ),
            "package/dist/ort-wasm-simd-threaded.wasm": (
                "ort-wasm-simd-threaded.wasm.xz",
                "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
            ),
            "package/dist/ort.jspi.min.js": (
                "ort.jspi.min.js.xz",
                "e0f5c81dc6c6bc6d368288c76278783510dcd20d8ef6b39f1670928ce8ea80d9",
            ),
            "package/dist/ort-wasm-simd-threaded.jspi.mjs": (
                "ort-wasm-simd-threaded.jspi.mjs.xz",
                "270e2c6da9f297239d301d329782b6446641cb1e16a77967690adcfca35f3268",
            ),
            "package/dist/ort-wasm-simd-threaded.jspi.wasm": (
                "ort-wasm-simd-threaded.jspi.wasm.xz",
                "a54c76f86b0f0d9572380cf1c6292a7b3903716ffcbcd6b0e5c7050bf430eb93",
            ),
        },
    ),
)


def integrity(data: bytes) -> str:
    """Checksum as npm writes it (Subresource Integrity).

    >>> integrity(b"")[:20]
    'sha512-z4PhNX7vuL3xV'
    """
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode("ascii")


def read_vendored(path: Path) -> bytes:
    """The content of a file of a release."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def unpack(archive: Path, release: Release, folder: Path) -> None:
    """Put the files of a release into a folder.

    Raises:
        ValueError: the archive is not the pinned one.
    """
    found = integrity(archive.read_bytes())
    if found != release.integrity:
        raise ValueError(
            f"{archive}: is {found}, but {release.package} {release.version} is {release.integrity}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as files:
        for member, (name, _) in release.files.items():
            stream = files.extractfile(member)
            assert stream is not None
            content = stream.read()
            if name.endswith(".xz"):
                content = lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)
            (folder / name).write_bytes(content)


def main() -> None:
    """Fetch the releases and put their files among the assets."""
    for release in RELEASES:
        with tempfile.TemporaryDirectory() as folder:
            command = ["npm", "pack", "--silent", "--pack-destination", folder]
            wanted = f"{release.package}@{release.version}"
            subprocess.run([*command, wanted], check=True, stdout=subprocess.DEVNULL)
            unpack(next(Path(folder).glob("*.tgz")), release, release.folder)


if __name__ == "__main__":
    main()
