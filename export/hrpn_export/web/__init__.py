"""A network as a web page: a folder that predicts slides in a browser, opened from any disk."""

from pathlib import Path

WEB_ASSETS = Path(__file__).parent / "assets"
