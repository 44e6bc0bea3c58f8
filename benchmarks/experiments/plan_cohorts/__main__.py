"""Run the experiment; see ``experiment.py``."""

import sys
from pathlib import Path

if not __package__:  # run as a folder: Python then knows the folder, and not the package it is in
    sys.path[0] = str(Path(__file__).parents[2])

from experiments.plan_cohorts.experiment import main

if __name__ == "__main__":
    main()
