"""What a bundle of a stranger says of its training may be of any type."""

from pathlib import Path
from typing import Any

import pytest
from hrpn_export import BundleError
from support.bundles import change_manifest, copied

from hrpn_tf.errors import HrpnError
from hrpn_tf.workflows.networks.bundle import BundleNetwork


@pytest.mark.parametrize("value", ["abc", 5, [1, 2], None, True, 1e300])
@pytest.mark.parametrize("key", ["network", "groups", "configuration"])
def test_values_of_a_wrong_type_get_a_named_error(tmp_path: Path, key: str, value: Any) -> None:
    bundle = copied(tmp_path)
    change_manifest(bundle, lambda values: values["provenance"].update({key: value}))
    network = BundleNetwork(bundle)
    ask = {"network": network.origin, "groups": network.subsets}
    with pytest.raises(BundleError, match=rf"provenance\.{key} must be an object"):
        ask.get(key, lambda: network.config([]))()


@pytest.mark.parametrize("tile", [10**9, 10**400, -1, "abc", {"a": []}])
def test_a_configuration_out_of_range_gets_a_named_error(tmp_path: Path, tile: Any) -> None:
    bundle = copied(tmp_path)
    stated = {"configuration": {"prediction": {"tile": tile}}}
    change_manifest(bundle, lambda values: values["provenance"].update(stated))
    network = BundleNetwork(bundle)
    try:
        assert network.config([]).prediction.tile == tile
    except HrpnError as error:
        assert "tile" in str(error)  # noqa: PT017  (some of them are possible)
