"""The Keras model itself, ``model.keras``."""

from pathlib import Path

from hrpn_export.errors import ExportError
from hrpn_export.formats.table import Source


def export(source: Source, precision: str, folder: Path) -> Path:
    """Write the model; its layers must be registered with Keras, and none may be a Lambda.

    Raises:
        ExportError: a layer would be saved as code.
    """
    import keras

    for layer in source.model._flatten_layers():
        if isinstance(layer, keras.layers.Lambda):
            raise ExportError(
                f"the layer {layer.name} is a Lambda, which is saved as code that nobody can check"
            )
    path = folder / "model.keras"
    source.model.save(path)
    return path
