"""The published HRPN (2023/24) in PyTorch: an HRNetV2 that works at a quarter of the resolution.

Modules have the names of the published state dict, so that its weights load here and into the
preset ``hrpn-published``, and the two can be compared.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

_WIDTHS = (18, 36, 72, 144)
_STEM = 64
_BOTTLENECK = 64
_WIDE = 4 * _BOTTLENECK  # output channels of a bottleneck
_BLOCKS = 4


class PublishedHrpn(nn.Module):
    """Maps (N, inputs, H, W) to (N, outputs, H, W), grey levels; H and W are multiples of 32."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.backbone = _Backbone(inputs)
        width = sum(_WIDTHS)
        self.cls_head = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True)),
            nn.Dropout2d(0.1),
            nn.Conv2d(width, outputs, 1, bias=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predict ``x``."""
        branches = self.backbone(x)
        resized = [branches[0], *(_enlarged(b, 2**i) for i, b in enumerate(branches) if i)]
        return _enlarged(self.cls_head(torch.cat(resized, 1)), 4)


class _Backbone(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv1 = _conv(inputs, _STEM, stride=2)
        self.bn1 = nn.BatchNorm2d(_STEM)
        self.conv2 = _conv(_STEM, _STEM, stride=2)
        self.bn2 = nn.BatchNorm2d(_STEM)
        self.layer1 = nn.Sequential(
            *(_Bottleneck(_WIDE if block else _STEM) for block in range(_BLOCKS))
        )
        self.transition1 = nn.ModuleList(
            [
                nn.Sequential(*_conv_norm_relu(_WIDE, _WIDTHS[0])),
                nn.Sequential(nn.Sequential(*_conv_norm_relu(_WIDE, _WIDTHS[1], stride=2))),
            ]
        )
        self.stage2 = nn.Sequential(_Exchange(_WIDTHS[:2]))
        self.transition2 = _new_branch(2)
        self.stage3 = nn.Sequential(_Exchange(_WIDTHS[:3]))
        self.transition3 = _new_branch(3)
        self.stage4 = nn.Sequential(_Exchange(_WIDTHS))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.layer1(F.relu(self.bn2(self.conv2(x)), inplace=True))
        branches: list[torch.Tensor] = self.stage2([step(x) for step in self.transition1])
        branches = self.stage3([*branches, self.transition2[2](branches[-1])])
        branches = self.stage4([*branches, self.transition3[3](branches[-1])])
        return branches


class _Bottleneck(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, _BOTTLENECK, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(_BOTTLENECK)
        self.conv2 = _conv(_BOTTLENECK, _BOTTLENECK)
        self.bn2 = nn.BatchNorm2d(_BOTTLENECK)
        self.conv3 = nn.Conv2d(_BOTTLENECK, _WIDE, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(_WIDE)
        self.downsample: nn.Module = nn.Identity()
        if channels != _WIDE:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, _WIDE, 1, bias=False), nn.BatchNorm2d(_WIDE)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x), inplace=True)


class _BasicBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = _conv(width, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv(width, width)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)) + x, inplace=True)


class _Exchange(nn.Module):
    """One basic block per branch; each branch then becomes the sum of all, resized to its size."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(_BasicBlock(width)) for width in widths)
        count = range(len(widths))
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_resizing(source, target) for source in count) for target in count
        )

    def forward(self, branches: list[torch.Tensor]) -> list[torch.Tensor]:
        branches = [block(x) for block, x in zip(self.branches, branches, strict=True)]
        fused = []
        for target, row in enumerate(self.fuse_layers):
            terms = [
                _enlarged(step(x), 2 ** max(source - target, 0))
                for source, (step, x) in enumerate(zip(row, branches, strict=True))
            ]
            total = terms[0]
            for term in terms[1:]:
                total = total + term
            fused.append(F.relu(total, inplace=True))
        return fused


def _resizing(source: int, target: int) -> nn.Module:
    """Bring a branch to the width of the target, and down to its size if that is smaller."""
    if source == target:
        return nn.Identity()
    if source > target:
        width = _WIDTHS[target]
        return nn.Sequential(
            nn.Conv2d(_WIDTHS[source], width, 1, bias=False), nn.BatchNorm2d(width)
        )
    steps = [
        nn.Sequential(*_conv_norm_relu(_WIDTHS[source], _WIDTHS[source], stride=2))
        for _ in range(target - source - 1)
    ]
    last = _conv_norm_relu(_WIDTHS[source], _WIDTHS[target], stride=2)[:-1]
    return nn.Sequential(*steps, nn.Sequential(*last))


def _new_branch(number: int) -> nn.ModuleList:
    step = _conv_norm_relu(_WIDTHS[number - 1], _WIDTHS[number], stride=2)
    old = [nn.Identity() for _ in range(number)]
    return nn.ModuleList([*old, nn.Sequential(nn.Sequential(*step))])


def _conv_norm_relu(source: int, width: int, stride: int = 1) -> list[nn.Module]:
    return [_conv(source, width, stride), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]


def _conv(source: int, width: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(source, width, 3, stride, padding=1, bias=False)


def _enlarged(x: torch.Tensor, factor: int) -> torch.Tensor:
    """Enlarge bilinearly, with aligned corners."""
    if factor == 1:
        return x
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=True)
