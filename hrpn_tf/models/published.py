"""The published HRPN (2023/24), layer for layer: an HRNetV2 whose work is all at quarter size.

Every layer with weights bears the name of the published PyTorch module, see :func:`layer_name`;
:mod:`hrpn_tf.models.import_torch` finds the weights of a state dict by it.
"""

from typing import Any

from keras import layers

from hrpn_tf.models.layers import AlignedUpsample

Tensor = Any

WIDTHS = (18, 36, 72, 144)
STEM = 64
BOTTLENECK = 64  # bottlenecks give four times as many channels
BLOCKS = 4


def hrpn_published(x: Tensor, outputs: int) -> Tensor:
    """The published network on raw grey levels.

    Args:
        x: (N, H, W, inputs); H and W are multiples of 32.
        outputs: number of output channels; the published network has one.

    Returns:
        (N, H, W, outputs), linear: values may be negative.
    """
    x = _stem(x)
    branches = [
        _conv_norm_relu(x, WIDTHS[0], "backbone.transition1.0.0", "backbone.transition1.0.1"),
        _conv_norm_relu(
            x, WIDTHS[1], "backbone.transition1.1.0.0", "backbone.transition1.1.0.1", stride=2
        ),
    ]
    for stage in (2, 3, 4):
        if stage > 2:
            name = f"backbone.transition{stage - 1}.{stage - 1}.0"
            branches.append(
                _conv_norm_relu(branches[-1], WIDTHS[stage - 1], f"{name}.0", f"{name}.1", stride=2)
            )
        branches = _module(branches, f"backbone.stage{stage}.0")
    return _head(branches, outputs)


def layer_name(module: str) -> str:
    """Name of the layer for a PyTorch module: ``backbone.conv1`` is ``backbone-conv1``.

    Keras on its PyTorch backend allows no dots in names.
    """
    return module.replace(".", "-")


def module_name(layer: str) -> str:
    """What :func:`layer_name` was made from."""
    return layer.replace("-", ".")


def _stem(x: Tensor) -> Tensor:
    """Two strided convolutions to quarter size, then four bottlenecks: 256 channels."""
    x = _conv_norm_relu(x, STEM, "backbone.conv1", "backbone.bn1", stride=2)
    x = _conv_norm_relu(x, STEM, "backbone.conv2", "backbone.bn2", stride=2)
    for block in range(BLOCKS):
        x = _bottleneck(x, f"backbone.layer1.{block}")
    return x


def _bottleneck(x: Tensor, name: str) -> Tensor:
    y = _conv_norm_relu(x, BOTTLENECK, f"{name}.conv1", f"{name}.bn1", size=1)
    y = _conv_norm_relu(y, BOTTLENECK, f"{name}.conv2", f"{name}.bn2")
    y = _norm(_conv(y, 4 * BOTTLENECK, f"{name}.conv3", size=1), f"{name}.bn3")
    if x.shape[-1] != 4 * BOTTLENECK:
        x = _conv(x, 4 * BOTTLENECK, f"{name}.downsample.0", size=1)
        x = _norm(x, f"{name}.downsample.1")
    return _relu(layers.Add()([y, x]))


def _module(branches: list[Tensor], name: str) -> list[Tensor]:
    """One basic block per branch, then every branch gets the sum of all, each resized to it."""
    branches = [_basic_block(x, f"{name}.branches.{i}.0") for i, x in enumerate(branches)]
    fused = []
    for target, _ in enumerate(branches):
        terms = [
            _resized(x, source, target, f"{name}.fuse_layers.{target}.{source}")
            for source, x in enumerate(branches)
        ]
        fused.append(layers.ReLU(name=layer_name(f"{name}.output{target}"))(layers.Add()(terms)))
    return fused


def _basic_block(x: Tensor, name: str) -> Tensor:
    y = _conv_norm_relu(x, x.shape[-1], f"{name}.conv1", f"{name}.bn1")
    y = _norm(_conv(y, x.shape[-1], f"{name}.conv2"), f"{name}.bn2")
    return _relu(layers.Add()([y, x]))


def _resized(x: Tensor, source: int, target: int, name: str) -> Tensor:
    """Branch ``source`` as a term of branch ``target``'s sum."""
    if source == target:
        return x
    if source > target:
        x = _norm(_conv(x, WIDTHS[target], f"{name}.0", size=1), f"{name}.1")
        return AlignedUpsample(2 ** (source - target))(x)
    *steps, last = range(target - source)
    for step in steps:
        x = _conv_norm_relu(x, WIDTHS[source], f"{name}.{step}.0", f"{name}.{step}.1", stride=2)
    return _norm(_conv(x, WIDTHS[target], f"{name}.{last}.0", stride=2), f"{name}.{last}.1")


def _head(branches: list[Tensor], outputs: int) -> Tensor:
    """All branches at quarter size, mixed, then enlarged four times; the last steps in float32."""
    resized = [x if i == 0 else AlignedUpsample(2**i)(x) for i, x in enumerate(branches)]
    x = layers.Concatenate()(resized)
    x = layers.Conv2D(sum(WIDTHS), 3, padding="same", name=layer_name("cls_head.0"))(x)
    x = _relu(_norm(x, "cls_head.1.0"))
    x = layers.SpatialDropout2D(0.1)(x)
    x = layers.Conv2D(outputs, 1, use_bias=False, dtype="float32", name=layer_name("cls_head.3"))(x)
    return AlignedUpsample(4, dtype="float32")(x)


def _conv_norm_relu(
    x: Tensor, width: int, conv: str, norm: str, size: int = 3, stride: int = 1
) -> Tensor:
    return _relu(_norm(_conv(x, width, conv, size, stride), norm))


def _conv(x: Tensor, width: int, name: str, size: int = 3, stride: int = 1) -> Tensor:
    """Convolution without bias; a 3x3 pads one pixel on each side.

    With a stride, Keras's "same" would pad an even size at its end only, and shift the result.
    """
    if stride > 1:
        x = layers.ZeroPadding2D(1)(x)
    padding = "valid" if stride > 1 else "same"
    return layers.Conv2D(
        width, size, strides=stride, padding=padding, use_bias=False, name=layer_name(name)
    )(x)


def _norm(x: Tensor, name: str) -> Tensor:
    """Batch normalisation with PyTorch's constants."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=layer_name(name))(x)


def _relu(x: Tensor) -> Tensor:
    return layers.ReLU()(x)
