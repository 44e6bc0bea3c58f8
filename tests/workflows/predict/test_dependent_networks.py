"""Networks whose answer depends on their tile: overlap, smooth blending, and a word about it."""

from pathlib import Path

import numpy as np
import pytest
from hrpn_export import Contract
from support.run_folder import ROLES, change_contract, make_run, pixels, predict, write

from hrpn_tf.slides import open_slide, read_provenance

# preset: side of the patches that it was trained on, px; of pix2pix, twice its stride multiple
PRESETS = {"hrpn-published": 64, "pix2pix": 512, "ganda": 64}


@pytest.mark.slow
@pytest.mark.parametrize(
    "preset",
    [
        "ganda",
        *(pytest.param(name, marks=pytest.mark.nightly) for name in ("hrpn-published", "pix2pix")),
    ],
)
def test_it_is_blended_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], preset: str
) -> None:
    import keras

    from hrpn_tf.models.build import build_model
    from hrpn_tf.models.graph import stride_multiple

    keras.utils.set_random_seed(0)
    model, side = build_model(preset, 2), PRESETS[preset]
    model.save(tmp_path / "best.keras")
    contract = Contract(ROLES[:2], ("qd",), 0.5, stride_multiple(model), None, False, 255.0)
    run = make_run(
        tmp_path / "run", tmp_path / "best.keras", contract, overrides=(f"data.patch={side}",)
    )
    slide, out = write(tmp_path / "slide.ome.tif", shape=(70, 90)), tmp_path / "out.ome.tif"
    assert predict(run, slide, "--out", out, "--no-skip-empty") == 0
    captured = capsys.readouterr()
    assert (
        f"depends on its tile: tiles of {side} px overlap by half and are blended" in captured.err
    )
    assert f"tiles of {side} x {side} px, overlapping by half, blended" in captured.out
    tiling = read_provenance(out)["tiling"]
    assert (tiling["exact"], tiling["blended"], tiling["tile_px"]) == (False, True, [side, side])

    # by hand: tiles from half a tile before the slide on, faded by the square of a sine
    half = side // 2
    with open_slide(slide) as opened:
        image = opened.read(0, 0, 70, 90, [0, 1]).astype(np.float32)
    padded = np.pad(image, [(half, side + half)] * 2 + [(0, 0)], mode="symmetric")
    fade = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2
    expected = np.zeros(padded.shape[:2])
    for y in range(0, 70 + half, half):
        for x in range(0, 90 + half, half):
            tile = padded[None, y : y + side, x : x + side]
            answer = np.asarray(model(tile, training=False))[0, ..., 0]
            expected[y : y + side, x : x + side] += answer * np.outer(fade, fade)
    wanted = expected[half : half + 70, half : half + 90]
    np.testing.assert_allclose(pixels(out), wanted, rtol=0, atol=1e-4 * max(1, np.ptp(wanted)))


def test_it_takes_no_halo(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_contract(run, receptive_field=None, tile_exact=False)
    assert predict(run, run.parent / "a.ome.tif", "--halo", 8) == 2
    assert "--halo: the network of" in capsys.readouterr().err.splitlines()[-1]
