"""The viewer of slides in a browser, which the report and the web page of a bundle share."""

from pathlib import Path

VIEWER_ASSETS = Path(__file__).parent / "assets"
