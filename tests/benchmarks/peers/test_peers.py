"""Peers are the networks that they are called, in another framework."""

from typing import Any

import numpy as np
import pytest
from hrpn_benchmarks import peers, worker
from hrpn_benchmarks.errors import BenchmarkError
from hrpn_benchmarks.launch import measure_apart
from hrpn_benchmarks.plan import read_plan
from hrpn_benchmarks.scenarios.abilities import Counted, Trainable
from support.instruments import cell


def peer(name: str, **changes: object) -> Any:
    return cell(peer=f"hrpn_benchmarks.peers:{name}", bundle="", **changes)


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    with pytest.raises(BenchmarkError, match=r"pip install torch$"):
        peers.published(peer("published"))
    with pytest.raises(BenchmarkError, match=r"pip install torch monai$"):
        peers.monai_unet(peer("monai_unet"))


def test_the_plan_names_peers_that_are_there() -> None:
    for each in read_plan("peers").peers:
        module, _, name = each.load.partition(":")
        assert module == "hrpn_benchmarks.peers"
        assert callable(getattr(peers, name))


class TestNetworks:
    @pytest.fixture(autouse=True)
    def torch(self) -> Any:
        return pytest.importorskip("torch")

    def test_the_published_network_equals_the_preset(self, torch: Any) -> None:
        from hrpn_benchmarks.peers.hrpn_network import PublishedHrpn
        from support.published_reference import reference, reference_input, state_dict

        from hrpn_tf.models.build import build_model
        from hrpn_tf.models.import_torch import load_state_dict

        network = PublishedHrpn(2, 1).eval()
        weights = {name: torch.from_numpy(value) for name, value in state_dict().items()}
        found = network.load_state_dict(weights, strict=False)
        assert not found.unexpected_keys
        assert all(name.endswith("num_batches_tracked") for name in found.missing_keys)
        model = build_model("hrpn-published", inputs=2)
        exported = {name: value.numpy() for name, value in network.state_dict().items()}
        load_state_dict(model, exported)
        batch = reference_input()
        with torch.inference_mode():
            ours = network(torch.from_numpy(batch).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
        np.testing.assert_allclose(ours, model(batch, training=False).numpy(), atol=1e-3)
        # the published network's own answer
        assert np.abs(ours - reference()["output"]).max() < 1e-4 * ours.std()
        assert sum(p.numel() for p in network.parameters()) == 2_176_824

    def test_pix2pix_equals_the_preset(self, torch: Any) -> None:
        import keras
        from hrpn_benchmarks.peers.pix2pix_network import Pix2pixGenerator

        from hrpn_tf.models.pix2pix import pix2pix_generator

        keras.utils.set_random_seed(0)
        image = keras.Input((256, 256, 2))
        model = keras.Model(image, pix2pix_generator(image, 1, filters=2))
        network = Pix2pixGenerator(2, 1, filters=2).eval()
        learning = [layer for layer in model.layers if layer.weights]
        norms = iter([*network.down_norms, *network.up_norms])
        convolutions = iter([*network.down, *network.up, network.head])
        for layer in learning:
            weight, *bias = [10 * each for each in layer.get_weights()]
            layer.set_weights([weight, *bias])
            axes = (3, 2, 0, 1) if weight.ndim == 4 else (0,)
            copy = next(convolutions if weight.ndim == 4 else norms)
            copy.weight.data = torch.from_numpy(weight.transpose(axes).copy())
            for each in bias:
                copy.bias.data = torch.from_numpy(each)
        assert next(norms, None) is next(convolutions, None) is None
        levels = np.random.default_rng(0).integers(0, 256, (1, 256, 256, 2)).astype(np.float32)
        expected = 127.5 * (model(levels / 127.5 - 1, training=False).numpy() + 1)
        with torch.inference_mode():
            found = network(torch.from_numpy(levels).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        assert expected.std() > 1
        np.testing.assert_allclose(found.numpy(), expected, atol=0.02)

    def test_a_session_trains_and_counts(self, torch: Any) -> None:
        from hrpn_tf.models.build import build_model
        from hrpn_tf.models.graph import count_macs

        torch.manual_seed(0)
        session = peers.published(peer("published"))
        assert isinstance(session, Trainable)
        assert isinstance(session, Counted)
        macs = count_macs(build_model("hrpn-published", inputs=2), 64, 64)
        assert session.macs(64) == pytest.approx(macs, rel=0.001)
        batch = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 2)).astype(np.float32)
        target = np.full((2, 64, 64, 1), 40, np.float32)
        losses = [session.train(batch, target) for _ in range(12)]
        assert min(losses[6:]) < 0.9 * losses[0]

    def test_a_gpu_that_is_not_there_is_named(self, torch: Any) -> None:
        if torch.cuda.is_available():
            pytest.skip("there is one")
        with pytest.raises(BenchmarkError, match="PyTorch sees 0 GPUs"):
            peers.published(peer("published", device="cuda"))

    def test_a_row_of_a_peer(self) -> None:
        found = measure_apart(peer("published", scenario="tile", side=64), 300)
        assert found.failure is None
        assert found.measured is not None
        assert found.measured.measures["latency"].median > 0
        assert found.measured.parameters == 2_176_824
        assert found.measured.macs is not None

    def test_a_side_that_does_not_fit_is_named(self) -> None:
        with pytest.raises(Exception, match="multiple"):
            worker.measure(peer("published", scenario="tile", side=50), lambda: None)


class TestMonai:
    @pytest.fixture(autouse=True)
    def monai(self) -> Any:
        return pytest.importorskip("monai")

    def test_its_network_gives_an_image(self) -> None:
        session = peers.monai_unet(peer("monai_unet"))
        assert session(np.zeros((1, 32, 48, 2), np.float32)).shape == (1, 32, 48, 1)
