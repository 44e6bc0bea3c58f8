"""Metrics pooled over all pixels of an epoch, in grey levels."""

from typing import Any

import keras
from keras import ops


class PooledMSE(keras.metrics.Metric):
    """Mean squared error over every pixel seen, grey levels squared.

    The sums are kept in float64: a slide has more pixels than float32 counts.
    """

    def __init__(self, name: str = "mse") -> None:
        super().__init__(name=name)
        self.count = self._add_sum("count")
        self.squared_error = self._add_sum("squared_error")

    def _add_sum(self, name: str) -> Any:
        return self.add_weight(name=name, initializer="zeros", dtype="float64")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add one batch (N, H, W, outputs), grey levels; weights are not supported."""
        target, prediction = (ops.cast(values, "float64") for values in (y_true, y_pred))
        self.count.assign_add(ops.cast(ops.size(target), "float64"))
        self.squared_error.assign_add(ops.sum(ops.square(prediction - target)))

    def result(self) -> Any:
        """Grey levels squared."""
        return self.squared_error / self.count


class PooledR2(PooledMSE):
    """Coefficient of determination over every pixel seen: 1 - MSE / variance of the target."""

    def __init__(self, name: str = "r2") -> None:
        super().__init__(name=name)
        self.total = self._add_sum("total")
        self.total_square = self._add_sum("total_square")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add one batch (N, H, W, outputs), grey levels; weights are not supported."""
        super().update_state(y_true, y_pred)
        target = ops.cast(y_true, "float64")
        self.total.assign_add(ops.sum(target))
        self.total_square.assign_add(ops.sum(ops.square(target)))

    def result(self) -> Any:
        """Dimensionless, at most 1; NaN where the target is constant."""
        variance = self.total_square / self.count - ops.square(self.total / self.count)
        return 1.0 - super().result() / variance
