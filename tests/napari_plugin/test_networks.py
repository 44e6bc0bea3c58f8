"""What the plugin says of a network."""

from pathlib import Path

import pytest
from hrpn_export import Contract
from support.run_folder import make_run

from hrpn_tf.errors import NoNetworkError, RunError
from hrpn_tf.napari_plugin.networks import (
    NetworkChoice,
    look_at,
    network_at,
    proposed_channels,
    weights_here,
)

CONTRACT = Contract(("vessels", "nuclei"), ("qd",), 0.5, 4, 41, True, 255.0)


def test_a_run_is_looked_at_without_its_network(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", contract=CONTRACT)
    (run / "best.keras").touch()
    choice = network_at(run)
    assert choice.arguments == ("--run", str(run))
    facts = look_at(choice)
    assert (facts.inputs, facts.outputs, facts.pixel_size_um) == (
        ("vessels", "nuclei"), ("qd",), 0.5,
    )  # fmt: skip
    assert (facts.bounds, facts.caution) == (False, None)


def test_a_run_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no best\.keras yet"):
        look_at(network_at(make_run(tmp_path / "run", contract=CONTRACT)))


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoNetworkError, match="neither a run nor a bundle"):
        network_at(tmp_path)


def test_shipped_weights_are_offered_with_their_caution() -> None:
    offered = weights_here()
    assert NetworkChoice("weights", "hrpn-m-sim") in offered
    facts = look_at(NetworkChoice("weights", "hrpn-m-sim"))
    assert facts.caution is not None
    assert "pattern, not amounts" in facts.caution


@pytest.mark.parametrize(
    ("given", "names", "found"),
    [
        ({}, ("DAPI", "CD31"), {"vessels": 1, "nuclei": 0}),
        ({"vessels": "far red"}, ("far red", "Hoechst", "CD31"), {"vessels": 0, "nuclei": 1}),
        ({"vessels": 2}, ("a", "b", "c"), {"vessels": 2, "nuclei": None}),
        ({"vessels": 7}, ("a", "b"), {"vessels": None, "nuclei": None}),
        ({}, ("CD31", "lectin"), {"vessels": None, "nuclei": None}),
    ],
)
def test_channels_are_proposed_and_never_guessed(
    given: dict[str, str | int], names: tuple[str, ...], found: dict[str, int | None]
) -> None:
    assert proposed_channels(("vessels", "nuclei"), given, names) == found
