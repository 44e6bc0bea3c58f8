"""The napari plugin: opens slides, predicts what is seen of them, and measures drawn regions.

    napari.yaml      manifest: a reader and a dock widget
    start.py         ``hrpn-tf napari``: napari with slides and dock, and what it needs of a display
    reader.py        slides as layers, for File > Open
    layers.py        layers of a slide: lazy pixels, place in um, colours, grey levels
    region.py        places in the window, px of slides, outlines that were drawn
    networks.py      what a run, a bundle or weights expect
    command.py       the command that predicts, its result, and what is unfinished
    messages.py      what the command says while it runs
    profile.py       intensity by distance to the nearest vessel within an outline
    process.py, predict_tab.py, profile_tab.py, dock.py    the dock widget

Only the last line's modules import Qt, and nothing here is imported by another package but by the
command ``hrpn-tf napari``.
"""
