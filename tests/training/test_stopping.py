import signal

import pytest

from hrpn_tf.config import load_config
from hrpn_tf.training.fit import fit
from hrpn_tf.training.networks import Networks
from hrpn_tf.training.run import is_finished
from hrpn_tf.training.stopping import StopSignals


@pytest.fixture(autouse=True)
def _heard():
    """A test run in the background of a shell has Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("terminal")
def test_the_first_signal_asks_and_the_second_stops(capsys):
    with StopSignals() as signals:
        assert signals.asked is None
        signal.raise_signal(signal.SIGINT)
        assert signals.asked == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert "saving after this step" in capsys.readouterr().err


def test_leaving_ends_as_the_signal_would_have():
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signals.leave()


def test_a_signal_after_the_last_step_ends_what_would_follow(store, run, config, monkeypatch):
    """As in a cross-validation, whose next training must not begin; the run is complete."""
    copy = Networks.copy_weights

    def late(networks):
        copy(networks)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Networks, "copy_weights", late)
    short = load_config(config, {"training.epochs": 1})
    with pytest.raises(KeyboardInterrupt):
        fit(store.path, run, short, progress=False)
    assert is_finished(run, short)


def test_handlers_come_back():
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with StopSignals():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_what_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGINT)
        assert signals.asked is None
