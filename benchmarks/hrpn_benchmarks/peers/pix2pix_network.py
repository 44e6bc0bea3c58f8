"""The generator of pix2pix (Isola et al. 2017) in PyTorch: a U-Net of eight levels.

Pix2pix normalises over batches of one image, in training and in test, which is instance
normalisation.
"""

import torch
from torch import nn
from torch.nn import functional as F

_FACTORS = (1, 2, 4, 8, 8, 8, 8, 8)  # channels of each level, in units of the filters
_HALF = 127.5  # grey levels per unit of the network


class Pix2pixGenerator(nn.Module):
    """Maps (N, inputs, H, W) to (N, outputs, H, W), 8-bit grey levels, multiples of 256 px.

    Args:
        inputs, outputs: number of channels.
        filters: channels of the first level; 64 in the publication.
    """

    def __init__(self, inputs: int, outputs: int, *, filters: int = 64) -> None:
        super().__init__()
        widths = [filters * factor for factor in _FACTORS]
        last = len(widths) - 1
        sources = [inputs, *widths[:-1]]
        self.down = nn.ModuleList(
            nn.Conv2d(source, width, 4, 2, 1, bias=False)
            for source, width in zip(sources, widths, strict=True)
        )
        self.down_norms = nn.ModuleList(_norm(width) for width in widths[1:last])
        ups = [
            (widths[last] if level == last else 2 * widths[level]) for level in range(last, 0, -1)
        ]
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(source, widths[level - 1], 4, 2, 1, bias=False)
            for source, level in zip(ups, range(last, 0, -1), strict=True)
        )
        self.up_norms = nn.ModuleList(_norm(widths[level - 1]) for level in range(last, 0, -1))
        self.head = nn.ConvTranspose2d(2 * widths[0], outputs, 4, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predict ``x``."""
        x = x / _HALF - 1
        skips: list[torch.Tensor] = []
        for level, step in enumerate(self.down):
            x = step(F.leaky_relu(x, 0.2) if level else x)
            if 0 < level < len(self.down) - 1:
                x = self.down_norms[level - 1](x)
            skips.append(x)
        x = skips.pop()
        for level, (step, norm) in enumerate(zip(self.up, self.up_norms, strict=True)):
            x = norm(step(F.relu(x)))
            if 1 <= level <= 3:
                x = F.dropout(x, 0.5, self.training)
            x = torch.cat([skips.pop(), x], 1)
        return _HALF * (torch.tanh(self.head(F.relu(x))) + 1)


def _norm(width: int) -> nn.Module:
    return nn.InstanceNorm2d(width, affine=True)
