import json

import numpy as np
import pytest
from hrpn_export import Contract, ContractError

CONTRACT = Contract(("vessels", "nuclei", "fap"), ("qd",), 0.325, 32, 413, True, 65535.0)


@pytest.mark.parametrize("changes", [{}, {"pixel_size_um": None}, {"receptive_field": None}])
def test_json_round_trip(changes):
    contract = Contract(**{**CONTRACT.__dict__, **changes})
    assert Contract.from_json(contract.to_json()) == contract


def test_the_json_is_plain_and_complete():
    values = json.loads(CONTRACT.to_json())
    assert values["inputs"] == ["vessels", "nuclei", "fap"]
    assert values["stride_multiple"] == 32


@pytest.mark.parametrize("text", ["", "no json", "[1, 2]", "{}", '{"colour": "red"}'])
def test_what_is_no_contract_is_refused(text):
    with pytest.raises(ContractError, match="not a contract"):
        Contract.from_json(text)


def test_a_fitting_batch_is_accepted():
    CONTRACT.check(np.zeros((2, 64, 32, 3)))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((64, 64, 3), "got 3 dimensions"),
        ((1, 64, 64, 2), r"takes 3 channels \(vessels, nuclei, fap\), got 2"),
        ((1, 48, 64, 3), "multiples of 32, got 48 x 64"),
        ((1, 64, 40, 3), "multiples of 32, got 64 x 40"),
        ((0, 64, 64, 3), "at least one image of at least one pixel, got 0 of 64 x 64"),
        ((1, 0, 64, 3), "at least one pixel, got 1 of 0 x 64"),
        ((1, 64, 0, 3), "at least one pixel, got 1 of 64 x 0"),
        ((1, 64, 64, 0), "takes 3 channels"),
    ],
)
def test_what_does_not_fit_is_explained(shape, message):
    with pytest.raises(ContractError, match=message):
        CONTRACT.check(np.zeros(shape))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("receptive_field", 10**9, "from 1 to 65536, got 1000000000"),
        ("receptive_field", 10**400, "from 1 to 65536, got 1000"),
        ("receptive_field", 10**5000, "a number of thousands of digits"),
        ("stride_multiple", 10**9, "from 1 to 65536"),
        ("grey_max", 1e308, r"between 1e-12 and 1e\+12"),
        ("grey_max", 10**400, "between 1e-12"),
        ("grey_max", -(10**400), "above 0"),
        ("grey_max", float("nan"), "above 0"),
        ("pixel_size_um", 1e-300, "between 1e-06"),
        ("pixel_size_um", 10**400, "between 1e-06"),
    ],
    ids=range(10),  # pytest does not write a number of thousands of digits
)
def test_absurd_numbers_are_refused(field, value, message):
    with pytest.raises(ContractError, match=f"{field} must .*{message}"):
        Contract(**{**CONTRACT.__dict__, field: value})


@pytest.mark.parametrize("text", ["[" * 100_000, '{"inputs": ' + "[" * 100_000, "9" * 5000])
def test_deep_and_long_json_is_no_contract(text):
    with pytest.raises(ContractError, match="not a contract"):
        Contract.from_json(text)
