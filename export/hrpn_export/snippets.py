"""Pieces of a bundle's README: one section per format, with a program that runs the format."""

from hrpn_export.contract import Contract
from hrpn_export.manifest import Artefact
from hrpn_export.names import TEST_INPUT, TEST_OUTPUT


def plain(text: str) -> str:
    """A text that is safe in a line of Markdown and in a comment of a program.

    Nothing in it is taken for markup, the end of a table cell, or the end of the line.

    Example:
        >>> plain("a|b\\n*c*")
        'a b c'
    """
    kept = "".join(c if c.isprintable() and c not in "|`<>[]*\\" else " " for c in text)
    return " ".join(kept.split())


def joined(names: tuple[str, ...]) -> str:
    """Names separated by commas, safe in Markdown."""
    return ", ".join(plain(name) for name in names)


def section_of(title: str, artefact: Artefact, install: str, body: str) -> str:
    """A section of the README under its heading.

    Args:
        title: name of the format.
        artefact: the artefact that the section describes.
        install: what a user must install, in Markdown.
        body: text and programs.
    """
    return f"### {title}, {artefact.precision}: `{artefact.path}` ({install})\n\n{body}"


def program(modules: list[str], lines: str, call: str, contract: Contract) -> str:
    """A Python program that predicts the example of a bundle and prints the largest difference.

    Args:
        modules: import statements besides NumPy's.
        lines: statements that load the model.
        call: expression that predicts ``image``, an array (N, H, W, inputs).
        contract: contract of the model.

    Returns:
        The program as a Markdown code block.
    """
    multiple = contract.stride_multiple
    channels = f"{len(contract.inputs)}): {joined(contract.inputs)}"
    image = f'image = np.load("{TEST_INPUT}")  # (N, height, width, {channels}'
    imports = sorted(["import numpy as np", *modules], key=lambda line: line.split()[1])
    padding = (
        "height, width = image.shape[1:3]\n"
        f"border = ((0, 0), (0, -height % {multiple}), (0, -width % {multiple}), (0, 0))\n"
        'image = np.pad(image, border, mode="symmetric")\n'
    )
    crop = "[:, :height, :width]"
    if multiple == 1:
        padding = crop = ""
    lines = (
        "\n".join(imports) + f"\n\n{image}\n{padding}{lines}\nprediction = {call}{crop}\n"
        f'print(np.abs(prediction - np.load("{TEST_OUTPUT}")).max())'
    )
    return f"```python\n{lines}\n```"
