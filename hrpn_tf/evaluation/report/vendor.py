"""The viewer library in the folder of assets: which release it is, and how to fetch it anew.

``make vendor`` takes the pinned release from the npm registry by npm itself, refuses it unless its
checksum is the pinned one, and puts the files that are needed into ``assets``. They are part of the
repository and of the wheel, so neither an installation nor an open page needs the network. For
another release: change ``VERSION`` and ``INTEGRITY`` (``npm view openseadragon@X dist.integrity``).
"""

import base64
import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "openseadragon"
VERSION = "6.1.1"
# Of the whole archive, as the registry states it.
INTEGRITY = (
    "sha512-"
    "g4iKe2q8B642SaBT3+x4ZF3/8b1TxPPydyjmtrOLgDrlYWMKd9ZXM+1Cb/xa9DVySkvs/7l6HR1nHKfD5F3Tsw=="
)
# Member of the archive: name among the assets, SHA-256.
FILES = {
    "package/build/openseadragon/openseadragon.min.js": (
        "openseadragon.min.js",
        "14d587cd3ee7c4861f1a41077ce642029364a21029956ba635bd8fb1202cf9ad",
    ),
    "package/LICENSE.txt": (
        "openseadragon-LICENSE.txt",
        "17da96b26ac706d2cbd06d4555dedb43026782f4943faf0156fe7acf89454228",
    ),
}
ASSETS = Path(__file__).parent / "assets"


def integrity(data: bytes) -> str:
    """Checksum as npm writes it (Subresource Integrity).

    >>> integrity(b"")[:20]
    'sha512-z4PhNX7vuL3xV'
    """
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode("ascii")


def unpack(archive: Path, assets: Path) -> None:
    """Put the files of the release into a folder.

    Raises:
        ValueError: the archive is not the pinned one.
    """
    found = integrity(archive.read_bytes())
    if found != INTEGRITY:
        raise ValueError(f"{archive}: is {found}, but {PACKAGE} {VERSION} is {INTEGRITY}")
    with tarfile.open(archive) as files:
        for member, (name, _) in FILES.items():
            content = files.extractfile(member)
            assert content is not None
            (assets / name).write_bytes(content.read())


def main() -> None:
    """Fetch the release and put its files among the assets."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder]
        subprocess.run([*command, f"{PACKAGE}@{VERSION}"], check=True, stdout=subprocess.DEVNULL)
        unpack(next(Path(folder).glob("*.tgz")), ASSETS)


if __name__ == "__main__":
    main()
