"""Batch normalisation in training: frozen at some time, and statistics of averaged weights."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from hrpn_tf.training.backend import backend
from hrpn_tf.training.distribution import Devices

Statistics = tuple[np.ndarray, ...]  # moving mean and variance of each layer in turn


def normalisations(network: keras.Model) -> list[Any]:
    """The layers of batch normalisation, those of nested models included."""
    found = []
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            found += normalisations(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            found.append(layer)
    return found


def moving_statistics(network: keras.Model) -> list[Any]:
    """Their variables: moving mean and variance of each layer in turn."""
    layers = normalisations(network)
    return [v for layer in layers for v in (layer.moving_mean, layer.moving_variance)]


@contextmanager
def frozen(network: keras.Model) -> Iterator[None]:
    """A context in which graphs are traced that use the moving statistics in training, too.

    Scales and offsets are trained as before.
    """
    layers = [layer for layer in normalisations(network) if layer.trainable]
    for layer in layers:
        weights = layer.trainable_variables
        layer.trainable = False  # for Keras, this means moving statistics; see its documentation
        for weight in weights:
            weight.trainable = True
    try:
        yield
    finally:
        for layer in layers:
            layer.trainable = True


def assign(network: keras.Model, statistics: Statistics) -> None:
    """Give the network other moving statistics; none if empty."""
    variables = moving_statistics(network) if statistics else []
    for variable, value in zip(variables, statistics, strict=True):
        variable.assign(value)


@contextmanager
def holding(network: keras.Model, statistics: Statistics) -> Iterator[None]:
    """A context in which the moving statistics are others; empty for their own."""
    kept = tuple(v.numpy() for v in moving_statistics(network)) if statistics else ()
    assign(network, statistics)
    try:
        yield
    finally:
        assign(network, kept)


class Estimator:
    """Measures the statistics of a network's weights on training batches.

    The moving statistics follow the weights of the last steps. Averaged weights have activations of
    their own, so their statistics have to be measured (Izmailov et al. 2018, "Averaging Weights
    Leads to Wider Optima and Better Generalization").
    """

    def __init__(self, network: keras.Model, devices: Devices) -> None:
        """Prepare; the graph is built on the first call."""
        self._network = network

        def forward(data: Any) -> None:
            with _remembering_one_batch(network):
                devices.run(lambda data: network(data[0], training=True), data)

        self._forward = backend.compiled(forward, network.variables)

    def measure(self, batches: Iterable[Any]) -> Statistics:
        """Mean and variance over all pixels of some batches, with the weights as they are now.

        Batches of one size, of which each device gets its share. The network, its random states
        included, is left as it was.
        """
        state = self._network.non_trainable_variables
        before = [variable.numpy() for variable in state]
        variables = moving_statistics(self._network)
        found = []
        for data in batches:
            self._forward(data)
            found.append([variable.numpy().astype(np.float64) for variable in variables])
        for variable, value in zip(state, before, strict=True):
            variable.assign(value)
        return _pooled([np.stack(each) for each in zip(*found, strict=True)])


def _pooled(each: list[np.ndarray]) -> Statistics:
    """Statistics of all batches together from (batches, channels) of each of them."""
    pooled: list[np.ndarray] = []
    for means, variances in zip(each[::2], each[1::2], strict=True):
        pooled += [means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0)]
    return tuple(value.astype(np.float32) for value in pooled)


@contextmanager
def _remembering_one_batch(network: keras.Model) -> Iterator[None]:
    """A context in which graphs are traced whose moving statistics are those of the last batch."""
    layers = normalisations(network)
    kept = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, kept, strict=True):
            layer.momentum = momentum
