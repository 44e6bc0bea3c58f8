"""Keras: the model itself, ``model.keras``."""

from pathlib import Path

from hrpn_export.contract import Contract
from hrpn_export.errors import ExportError
from hrpn_export.formats.table import Source
from hrpn_export.manifest import Artefact
from hrpn_export.safety import keras_objects
from hrpn_export.snippets import plain, program, section_of


def export(source: Source, precision: str, folder: Path) -> Path:
    """Write ``model.keras``. Its layers must be registered with Keras.

    Raises:
        ExportError: a layer is a Lambda, which Keras saves as code.
    """
    import keras

    for layer in source.model._flatten_layers():
        if isinstance(layer, keras.layers.Lambda):
            raise ExportError(
                f"the layer {layer.name} is a Lambda, which is saved as code that cannot be checked"
            )
    path = folder / "model.keras"
    source.model.save(path)
    return path


def section(folder: Path, artefact: Artefact, contract: Contract) -> str:
    """The section of a bundle's README that runs this format."""
    layers = own_layers(folder / artefact.path)
    lines = f'model = keras.saving.load_model("{artefact.path}", compile=False)'
    call = "model.predict(image, verbose=0)"
    if not layers:
        code = program(["import keras"], lines, call, contract)
        return section_of("Keras", artefact, "`pip install keras tensorflow`", code)
    modules = sorted({module for module in layers.values() if _is_module(module)})
    packages = sorted({module.partition(".")[0].replace("_", "-") for module in modules})
    code = program(["import keras", *(f"import {m}" for m in modules)], lines, call, contract)
    note = (
        "This format alone needs more than its runtime: the network has layers that Keras does "
        f"not bring ({', '.join(f'`{plain(name)}`' for name in layers)}), and what registers them "
        "must be imported first. The other formats hold them as plain operations."
    )
    install = f"`pip install keras tensorflow {' '.join(packages)}`".replace(" `", "`")
    return section_of("Keras", artefact, install, f"{note}\n\n{code}")


def own_layers(path: Path) -> dict[str, str]:
    """Layers and functions of a ``.keras`` file that are not part of Keras.

    Returns:
        Maps the name of each class to its module, sorted by name.
    """
    found = {}
    for item in keras_objects(path):
        module, name = str(item.get("module") or ""), str(item["class_name"])
        special = name.startswith("__") or module == "builtins"  # tensors, functions by name
        if not special and module.partition(".")[0] != "keras":
            found[name] = module
    return dict(sorted(found.items()))


def _is_module(name: str) -> bool:
    return name != "__main__" and all(part.isidentifier() for part in name.split("."))
