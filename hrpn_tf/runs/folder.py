"""The names of what a run folder holds; no other module knows them.

``hrpn-tf fit`` writes the configuration, the contract, the scaling, the split, the place of the
patch dataset, of a teacher and of the network that it started from, the environment, the history,
the resources, logs for TensorBoard, checkpoints, the best network, its twin and the training
profile.
``hrpn-tf import-weights`` writes the configuration, the contract and the network alone. Other
commands add folders.
"""

from pathlib import Path

# Written when the folder is made, and never changed.
CONFIG = "hrpn.yaml"
CONTRACT = "contract.json"
SCALING = "scaling.json"
SPLIT = "split.json"
STORE = "store.json"
TEACHER = "teacher.json"  # only of a training with a teacher
START = "start.json"  # only of a training that starts from another network
# Written while the network is trained.
ENVIRONMENT = "environment.json"
HISTORY = "history.csv"
RESOURCES = "resources.json"
CHECKPOINTS = "checkpoints"
LOGS = "logs"
PICTURES = "pictures"  # within the logs
BEST = "best.keras"
# The best network once more, in formats that need no TensorFlow: a bundle without the Keras model.
TWIN = "twin"
# What the training slides look like; a bundle carries it under the same name.
TRAINING_PROFILE = "training-profile.npz"
# Folders of other commands.
PREDICTIONS = "predictions"
INTERVAL_PREDICTIONS = "predictions-intervals"
EVALUATION = "evaluation"
REPORT = "report"
CALIBRATED = "calibrated"
PLAN = "plan"
CALIBRATING = ".calibrating"  # an unfinished calibration


def is_run(path: Path) -> bool:
    """Whether a folder is a run folder."""
    return (path / CONFIG).is_file()
