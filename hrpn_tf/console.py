"""What a user should know although nothing failed."""

import sys


def remark(text: str) -> None:
    """Say it in one line on standard error, like an error but going on."""
    print(f"hrpn-tf: {' '.join(text.split())}", file=sys.stderr)
