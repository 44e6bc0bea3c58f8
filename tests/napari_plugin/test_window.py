"""The plugin in a real window of napari; `make napari` installs what they need and runs them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from support.napari_window import CORNER, HEIGHT, SIZE, WIDTH, Window
from support.run_folder import finished_blocks
from support.virtual_display import needs_napari, virtual_display

from hrpn_tf.napari_plugin.region import PixelRegion
from hrpn_tf.slides import open_slide, write_slide
from hrpn_tf.slides.display import PREDICTION

pytestmark = pytest.mark.slow


def predicted(window: Window, dock: Any) -> None:
    assert window.until(lambda: not dock.predict.process.is_running), "still predicting"


def channels(path: Path) -> np.ndarray:
    with open_slide(path) as slide:
        info = slide.info
        return slide.read(0, 0, info.height, info.width, range(len(info.channels)))


def test_a_view_is_predicted_and_a_drawn_region_measured(
    window: Window, slide: Path, bundle: Path, tmp_path: Path
) -> None:
    viewer = window.viewer
    [cd31, dapi] = viewer.open(slide, plugin="hrpn-tf")
    dock = window.dock()
    page = dock.predict
    assert page.slide_note.said() == "900 × 700 px, 0.5 µm/px, uint8"
    page.add_network(bundle)
    assert {role: box.currentText() for role, box in page.role_boxes.items()} == {
        "vessels": "CD31", "nuclei": "DAPI",
    }  # fmt: skip
    assert page.bounds_box.isChecked()
    page.folder_edit.setText(str(tmp_path / "out"))
    green, blue = window.canvas()[..., 1], window.canvas()[..., 2]
    assert (green > 150).any()
    assert (blue > 150).any()

    viewer.camera.zoom *= 2.5
    window.picture("1 slide and dock")
    wish = page.wish()
    region = wish.region
    assert region is not None
    assert region.x > 0
    assert region.x + region.width < WIDTH
    assert abs(region.x + region.width / 2 - WIDTH / 2) < 2
    assert abs(region.y + region.height / 2 - HEIGHT / 2) < 2
    page.start()
    assert not page.start_button.isEnabled()
    window.picture("2 predicting")
    predicted(window, dock)
    assert page.note.said().startswith(f"written to {wish.out}"), page.note.said()

    qd, lower, upper = (layer for layer in viewer.layers if "predicted" in layer.name)
    assert [layer.visible for layer in (qd, lower, upper)] == [True, False, False]
    assert qd.contrast_limits == upper.contrast_limits
    assert qd.colormap.name == f"#{PREDICTION}"
    # the prediction lies on the slide to the pixel
    corner = np.array(CORNER) + np.array([region.y + 0.5, region.x + 0.5]) * SIZE
    assert np.allclose(qd.data_to_world((0, 0)), corner)
    assert np.allclose(cd31.data_to_world((region.y, region.x)), corner)
    pixels = channels(wish.out)
    assert qd.get_value(corner, world=True) is not None
    level = qd.data[0] if qd.multiscale else qd.data
    assert np.array_equal(np.asarray(level), pixels[..., 0])
    cd31.visible = dapi.visible = False
    red = window.canvas()[..., 0]
    assert (red > 100).any()
    cd31.visible = dapi.visible = True
    window.picture("3 predicted")

    measuring = dock.profile
    dock.tabs.setCurrentIndex(1)
    assert measuring.image_box.currentText().startswith("qd (predicted)")
    assert measuring.vessels_box.currentText().startswith("CD31")
    measuring.start()
    assert measuring.note.said() == "draw a region first"
    measuring.draw("add_rectangle")
    top, left = np.array(qd.extent.world[0]) + 20
    bottom, right = np.array(qd.extent.world[1]) - 20
    corners = np.array([[top, left], [top, right], [bottom, right], [bottom, left]])
    viewer.layers["regions"].add_rectangles(corners)
    measuring.start()
    assert window.until(lambda: measuring.drawn is not None), measuring.note.said()
    height, width = (round(side / SIZE) for side in (bottom - top, right - left))
    assert abs(measuring.drawn.found.pixels - height * width) <= height + width
    assert "vessels in and around it" in measuring.note.said()
    viewer.layers["regions"].mode = "pan_zoom"
    assert "vessels found" in viewer.layers
    window.picture("4 profile")
    measuring.save_csv(tmp_path / "profile.csv")
    assert len((tmp_path / "profile.csv").read_text().splitlines()) > 5
    assert "tensorflow" not in sys.modules, "with OpenGL in software, it ends the process"


def test_a_stopped_prediction_goes_on_and_so_does_one_whose_window_was_closed(
    window: Window, slide: Path, slow_bundle: Path, tmp_path: Path
) -> None:
    viewer, out = window.viewer, tmp_path / "out" / "mouse 1.ome.tif"
    viewer.open(slide, plugin="hrpn-tf")

    def started(window: Window) -> Any:
        page = window.dock().predict
        page.add_network(slow_bundle)
        page.bounds_box.setChecked(False)
        page.folder_edit.setText(str(out.parent))
        page.folder_edit.editingFinished.emit()
        page.extent_box.setCurrentIndex(1)
        page.start()
        return page

    page = started(window)
    assert window.until(lambda: len(finished_blocks(out)) > 2), page.note.said()
    page.cancel()
    assert window.until(lambda: not page.process.is_running, 20)
    assert page.note.said().startswith("stopped; what is predicted is kept")
    before = finished_blocks(out)
    assert page.extent_box.itemText(1) == "the whole slide (goes on)"
    window.picture("5 stopped")

    page.start()
    assert window.until(lambda: len(finished_blocks(out)) > len(before) + 2), page.note.said()
    assert page.process.is_running
    process = page.process.identifier
    window.close()
    assert not Path(f"/proc/{process}").exists(), "the prediction outlives its window"
    after = finished_blocks(out)
    assert after > before
    assert not out.exists()

    again = Window()
    try:
        again.viewer.open(slide, plugin="hrpn-tf")
        page = started(again)
        assert finished_blocks(out) >= after
        assert again.until(lambda: not page.process.is_running)
        assert out.exists(), page.note.said()
        [layer] = [layer for layer in again.viewer.layers if "predicted" in layer.name]
        # the extent begins at the centre of the first pixel
        assert np.allclose(layer.extent.world[0], np.array(CORNER) + SIZE / 2)
    finally:
        again.close()
    whole = [sys.executable, "-m", "hrpn_tf", "predict", slide, "--bundle", slow_bundle, "--quiet"]
    named = ["--channel", "vessels=CD31", "--channel", "nuclei=DAPI"]
    subprocess.run([*whole, *named, "--out", tmp_path / "whole"], check=True)
    assert np.array_equal(channels(out), channels(tmp_path / "whole" / "mouse 1.ome.tif"))


def test_what_is_missing_is_said_in_the_dock(
    window: Window, slide: Path, bundle: Path, tmp_path: Path
) -> None:
    dock = window.dock()
    page = dock.predict
    assert not page.start_button.isEnabled()
    page.add_network(tmp_path)
    assert "neither a run nor a bundle" in page.note.said()
    page.open_slide(tmp_path / "not there.tif")
    assert page.note.said().endswith("no such slide")

    path = tmp_path / "no size.ome.tif"
    image = np.random.default_rng(0).integers(0, 99, (200, 300, 2), np.uint8)
    write_slide(path, image, channels=("red", "green"), pixel_size_um=None, provenance={})
    page.open_slide(slide)
    page.open_slide(path)  # beside one in um
    assert page.slide.path == path
    window.viewer.layers.remove("CD31 [mouse 1]")
    window.viewer.layers.remove("DAPI [mouse 1]")
    page.add_network(bundle)
    page.start()
    assert page.note.said() == "choose the channel that shows vessels, nuclei"
    for box in page.role_boxes.values():
        box.setCurrentIndex(1)
    page.start()
    assert page.note.said() == "one channel is chosen for two inputs"
    page.role_boxes["nuclei"].setCurrentIndex(2)
    page.start()
    assert page.note.said() == "the slide states no pixel size; enter it"
    window.picture("6 pixel size")
    page.size_box.setValue(0.5)
    [layer, _] = window.viewer.layers
    assert tuple(layer.scale) == (0.5, 0.5)
    assert page.slide_note.said() == "300 × 200 px, 0.5 µm/px, uint8"
    window.viewer.camera.zoom /= 2
    assert page.wish().region == PixelRegion(0, 0, 300, 200)
    window.viewer.camera.center = (0.0, -50.0)
    assert page.wish().region.width < 300
    page.folder_edit.setText("/proc/nowhere")
    page.start()
    predicted(window, dock)
    assert "/proc/nowhere" in page.note.said()
    window.picture("7 error")

    page.folder_edit.setText(str(tmp_path / "out"))
    page.extent_box.setCurrentIndex(1)
    page.start()
    predicted(window, dock)
    first, *bounds = (layer for layer in window.viewer.layers if "predicted" in layer.name)
    assert np.allclose(first.extent.world, layer.extent.world)
    assert len(bounds) == 2


def test_of_a_stack_the_dock_asks_for_a_plane(
    window: Window, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, page = tmp_path / "stack.ome.tif", window.dock().predict
    stack = np.random.default_rng(0).integers(0, 99, (3, 2, 120, 150), np.uint8)
    told = {"axes": "ZCYX", "Channel": {"Name": ["CD31", "DAPI"]}, "PhysicalSizeX": 0.5,
            "PhysicalSizeY": 0.5}  # fmt: skip
    tifffile.imwrite(path, stack, metadata=told, photometric="minisblack")
    page.add_network(bundle)
    monkeypatch.setattr(page, "ask_depth", lambda *_: None)
    page.open_slide(path)
    assert not window.viewer.layers
    asked: list[object] = []
    monkeypatch.setattr(page, "ask_depth", lambda *about: asked.append(about) or 2)
    page.open_slide(path)
    assert asked == [(path, 3)]
    assert page.slide_note.said().endswith("uint8, plane 2 of 3")
    assert page.folder_edit.text().replace("-intervals", "").endswith("-z2")
    page.extent_box.setCurrentIndex(1)
    page.start()
    assert window.until(lambda: not page.process.is_running)
    assert page.note.said().startswith("written to"), page.note.said()
    page.open_slide(path, "max")  # in its place
    level = np.asarray(window.viewer.layers["CD31 [stack, z max]"].data)
    assert np.array_equal(level, stack[:, 0].max(axis=0))
    assert page.slide.info.depth == "max"
    assert page.folder_edit.text().replace("-intervals", "").endswith("-zmax")


def hrpn_tf_napari(slide: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run(
        [sys.executable, "-m", "hrpn_tf", "napari", str(slide)],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_display_without_opengl_is_one_clear_line(slide: Path) -> None:
    needs_napari()
    with virtual_display("-extension", "GLX") as name:
        done = hrpn_tf_napari(slide, DISPLAY=name)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"hrpn-tf: the display {name} has no OpenGL 2.1")


def test_no_display_is_one_clear_line(slide: Path) -> None:
    needs_napari()
    done = hrpn_tf_napari(slide)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("hrpn-tf: no window can be opened")


def test_hrpn_tf_napari_opens_slides_with_the_dock(display: str, slide: Path) -> None:
    # in this process, whose window can be looked at; the command does nothing else
    import napari
    from qtpy.QtCore import QTimer

    from hrpn_tf.napari_plugin.start import open_napari

    seen: dict[str, Any] = {}

    def look() -> None:
        viewer = napari.current_viewer()
        if viewer is None:
            return
        seen["layers"] = [layer.name for layer in viewer.layers]
        seen["docks"] = list(viewer.window.dock_widgets)
        viewer.close()
        timer.stop()

    from napari.qt import get_qapp

    application = get_qapp()
    timer = QTimer(application)
    timer.timeout.connect(look)
    timer.start(1500)
    open_napari([slide])
    assert seen["layers"] == ["CD31 [mouse 1]", "DAPI [mouse 1]"]
    assert any("Predict nanoprobes" in name for name in seen["docks"])
