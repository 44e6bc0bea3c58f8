"""Predict, pixel by pixel, where injected nanoprobes go in a tumour section.

    import hrpn_tf as ht

    simulated = ht.simulate("slides", "demo")
    prepared = ht.prepare(simulated, "patches", "demo")
    fitted = ht.fit(prepared, "run", "demo", progress=True)
    predicted = ht.predict(fitted)
    evaluated = ht.evaluate(fitted)

Each function is imported when it is first used: ``import hrpn_tf`` loads neither TensorFlow nor
NumPy.
"""

import importlib
import logging
from typing import TYPE_CHECKING

from hrpn_tf._version import __version__

if TYPE_CHECKING:
    from hrpn_tf.api.analysis import analyse
    from hrpn_tf.api.assessment import evaluate, report
    from hrpn_tf.api.comparison import compare
    from hrpn_tf.api.data import init, prepare, simulate
    from hrpn_tf.api.deployment import calibrate, export
    from hrpn_tf.api.opening import load_config, open_run, open_slide
    from hrpn_tf.api.permeability import permeability
    from hrpn_tf.api.planning import plan
    from hrpn_tf.api.prediction import predict
    from hrpn_tf.api.training import fit
else:
    _MODULES = {
        "analysis": ("analyse",),
        "assessment": ("evaluate", "report"),
        "comparison": ("compare",),
        "data": ("init", "prepare", "simulate"),
        "deployment": ("calibrate", "export"),
        "opening": ("load_config", "open_run", "open_slide"),
        "permeability": ("permeability",),
        "planning": ("plan",),
        "prediction": ("predict",),
        "training": ("fit",),
    }

    def __getattr__(name: str) -> object:
        for module, names in _MODULES.items():
            if name in names:
                return getattr(importlib.import_module(f"hrpn_tf.api.{module}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


# Without a handler of the application, nothing is shown.
logging.getLogger(__name__).addHandler(logging.NullHandler())

# In the order of use, which is that of the documentation.
__all__ = [  # noqa: RUF022
    "simulate",
    "init",
    "open_slide",
    "load_config",
    "prepare",
    "fit",
    "open_run",
    "predict",
    "analyse",
    "permeability",
    "evaluate",
    "calibrate",
    "export",
    "report",
    "compare",
    "plan",
    "__version__",
]
