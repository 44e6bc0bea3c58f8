"""Correct the output of an int8 network to that of the float32 network.

Rounded weights do not only add noise: they also scale bright places (by up to 1 % in a trained
``hrpn-m``) and shift the mean, which costs more accuracy than the noise. A gain and an offset of
the last convolution, which stays float32, undo that.
"""

from collections.abc import Callable, Sequence

import numpy as np

_STEP = 0.01
# Maps a patch (1, H, W, inputs) to grey levels (1, H, W, outputs).
Run = Callable[[np.ndarray], np.ndarray]


def gain_and_offset(
    before: Run,
    after: Callable[[np.ndarray, np.ndarray], Run],
    patches: np.ndarray,
    sizes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a gain and an offset of the last convolution that bring ``after`` to ``before``.

    The fit minimises the squared difference of grey levels over all pixels, with derivatives by
    finite differences. Only pixel-wise scaling follows the convolution, so one step is enough. In
    a network with intervals the prediction is the first output, whose convolution has one channel.

    Args:
        before: the float32 network.
        after: makes the int8 network, with a gain and an offset applied to its last convolution.
        patches: (N, H, W, inputs) float32 grey levels.
        sizes: a noticeable offset of each output, (outputs,).

    Returns:
        Gain and offset, (outputs,) each.
    """
    one, none = np.ones_like(sizes), np.zeros_like(sizes)
    runs = (after(one, none), after(one + _STEP, none), after(one, _STEP * sizes))
    squares, products = np.zeros((len(sizes), 2, 2)), np.zeros((len(sizes), 2))
    for patch in patches:
        wanted, given, brighter, higher = (
            run(patch[None])[..., : len(sizes)].reshape(-1, len(sizes)).astype(np.float64)
            for run in (before, *runs)
        )
        slopes = np.stack([brighter - given, higher - given]) / _STEP
        squares += np.einsum("ipc,jpc->cij", slopes, slopes)
        products += np.einsum("ipc,pc->ci", slopes, wanted - given)
    # the pseudoinverse changes nothing where nothing matters, as in a constant channel
    pairs = zip(squares, products, strict=True)
    steps = np.stack([np.linalg.pinv(square, rcond=1e-9) @ product for square, product in pairs])
    return one + steps[:, 0], steps[:, 1] * sizes


def convolution_of_prediction(
    names: Sequence[str], run: Callable[[str], Run], patch: np.ndarray, before: Run
) -> str | None:
    """Find the last convolution that produces the first output; None unless exactly one does.

    Args:
        names: names of the last convolutions.
        run: makes the network with a noticeable offset added to the named convolution.
        patch: (H, W, inputs) float32 grey levels.
        before: the network without an offset.
    """
    given = before(patch[None])[..., 0]
    moved = [name for name in names if not np.array_equal(run(name)(patch[None])[..., 0], given)]
    return moved[0] if len(moved) == 1 else None
