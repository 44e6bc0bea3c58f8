"""Names of slides and runs as labels of a plot."""

from hrpn_tf.text import printable


def plot_label(name: str) -> str:
    """A name as the label of a line; Matplotlib hides labels that begin with an underscore.

    Example:
        >>> plot_label("_a")
        ' _a'
    """
    line = printable(name)
    return f" {line}" if line.startswith("_") else line
