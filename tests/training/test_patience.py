"""Early stopping on the mean of the last validations."""

import pytest

from hrpn_tf.config import TrainingConfig
from hrpn_tf.training.patience import gave_up, smoothed


def end(losses: list[float], **options: float) -> int | None:
    """Number of the epoch, from 1, after which a training stops; None if it goes on."""
    training = TrainingConfig(early_stopping=2, **options)
    epochs = range(1, len(losses) + 1)
    return next((epoch for epoch in epochs if gave_up(losses[:epoch], training)), None)


def test_without_patience_it_goes_on():
    assert not gave_up([1.0] * 50, TrainingConfig())


def test_one_lucky_epoch_does_not_end_a_training_that_still_improves():
    losses = [9.0, 5.0, 8.0, 6.0, 4.5, 4.0]
    assert end(losses, smoothing=1) == 4
    assert end(losses, smoothing=3) is None


def test_it_waits_for_the_first_mean():
    assert end([1.0, 5.0, 5.0, 5.0, 5.0], smoothing=3) == 5
    assert smoothed([1.0, 5.0], 3).size == 0


@pytest.mark.parametrize(("least", "epoch"), [(0.0, None), (0.05, 4)])
def test_a_small_fall_may_not_count(least, epoch):
    losses = [1.0, 0.9, 0.899, 0.898, 0.897]
    assert end(losses, smoothing=1, least_improvement=least) == epoch


def test_many_small_falls_together_count():
    losses = [1.0, 0.97, 0.94, 0.91, 0.88, 0.85]
    assert end(losses, smoothing=1, least_improvement=0.05) is None
