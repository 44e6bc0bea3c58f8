"""What an int8 network gives at its end, brought back to what the float32 one gives.

Rounded weights do not only add noise: they make bright places a little darker or brighter (up to
1 % in a trained ``hrpn-m``), and shift the mean. That costs more than the noise does. A gain and
an offset of the last convolution, which is float32 anyway, take it back.
"""

from collections.abc import Callable, Sequence

import numpy as np

_STEP = 0.01
# Takes a patch (1, H, W, inputs), gives grey levels (1, H, W, outputs).
Run = Callable[[np.ndarray], np.ndarray]


def gain_and_offset(
    before: Run,
    after: Callable[[np.ndarray, np.ndarray], Run],
    patches: np.ndarray,
    sizes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Gain and offset of the last convolution, (outputs,) each, that bring ``after`` to ``before``.

    Least squares of grey levels over all pixels, with derivatives by finite differences: what
    follows the convolution is scaling of single pixels, so one step is enough. Of a network with
    intervals the prediction is the first output; its convolution has one channel.

    Args:
        before: the float32 network.
        after: makes the int8 network with its last convolution changed by a gain and an offset.
        patches: (N, H, W, inputs) float32 grey levels.
        sizes: (outputs,) what counts as a noticeable offset.
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
    # the pseudoinverse leaves alone what makes no difference, as in a constant channel
    pairs = zip(squares, products, strict=True)
    steps = np.stack([np.linalg.pinv(square, rcond=1e-9) @ product for square, product in pairs])
    return one + steps[:, 0], steps[:, 1] * sizes


def convolution_of_prediction(
    names: Sequence[str], run: Callable[[str], Run], patch: np.ndarray, before: Run
) -> str | None:
    """Which of several last convolutions makes the first output; None if not exactly one does.

    Args:
        names: of the convolutions.
        run: makes the network with a noticeable offset added to the convolution of a name.
        patch: (H, W, inputs) float32 grey levels.
        before: the network without any.
    """
    given = before(patch[None])[..., 0]
    moved = [name for name in names if not np.array_equal(run(name)(patch[None])[..., 0], given)]
    return moved[0] if len(moved) == 1 else None
