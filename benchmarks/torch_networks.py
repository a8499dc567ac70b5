"""PyTorch networks of the same architecture as tfcovid's, for `networks.py` to measure beside them.

Those that timm or MONAI have are theirs; the rest is written plainly here. They take what a PyTorch user would feed
them: channels first, scaled already.
"""

import sys
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.networks.test_unet3d import torch_unet3d
from tests.networks.timm_models import timm_library


def timm_network(name: str, classes: int) -> nn.Module:
    return timm_library().create_model(name, num_classes=classes)


def unet3d(classes: int) -> nn.Module:
    return torch_unet3d(torch, (64, 128, 256, 512), 3, classes, "valid")


def resnet3d(classes: int) -> nn.Module:
    from monai.networks.nets import resnet18

    return resnet18(spatial_dims=3, n_input_channels=1, num_classes=classes, conv1_t_stride=2, bias_downsample=False)


class ResDense(nn.Module):
    """ResNet-101 and DenseNet-121 on one tensor, projected and added."""

    def __init__(self, classes: int):
        super().__init__()
        self.resnet, self.densenet = timm_network("resnet101", 0), timm_network("densenet121", 0)
        self.project, self.head = nn.Conv2d(2048, 1024, 1), nn.Linear(1024, classes)

    def forward(self, x):
        x = self.project(self.resnet.forward_features(x)) + self.densenet.forward_features(x)
        return self.head(x.mean((2, 3)))


class EffMixConv(nn.Module):
    """EfficientNet-B3 and an embedding of 224."""

    def __init__(self, classes: int):
        super().__init__()
        self.trunk = timm_network("efficientnet_b3", 0)
        self.embed, self.head = nn.Linear(1536, 224), nn.Linear(224, classes)

    def forward(self, x):
        return self.head(self.embed(self.trunk(x)))


class M3LungSlice(nn.Module):
    """ResNet-50 with a lesion classifier on stage 3, whose map and three coordinates enter stage 4."""

    def __init__(self, classes: int):
        super().__init__()
        self.trunk = timm_network("resnet50", 0)
        first = self.trunk.layer4[0]
        first.conv1 = nn.Conv2d(1028, 512, 1, bias=False)
        first.downsample[0] = nn.Conv2d(1028, 2048, 1, stride=2, bias=False)
        self.lesion, self.head = nn.Linear(1024, 2), nn.Linear(2048, classes)

    def forward(self, x):
        trunk = self.trunk
        x = trunk.maxpool(trunk.act1(trunk.bn1(trunk.conv1(x))))
        f3 = trunk.layer3(trunk.layer2(trunk.layer1(x)))
        lesion = self.lesion(f3.mean((2, 3)))
        near = torch.einsum(
            "bchw,kc->bkhw", nn.functional.normalize(f3, dim=1), nn.functional.normalize(self.lesion.weight, dim=1)
        )
        chosen = near.gather(1, lesion.argmax(1)[:, None, None, None].expand(-1, 1, *near.shape[2:]))
        low, high = chosen.amin((2, 3), keepdim=True), chosen.amax((2, 3), keepdim=True)
        y, x = torch.meshgrid(*(torch.linspace(-1, 1, side) for side in f3.shape[2:]), indexing="ij")
        places = torch.stack([x, y, (x * x + y * y).sqrt()])[None].expand(len(f3), -1, -1, -1)
        f4 = trunk.layer4(torch.cat([f3, (chosen - low) / (high - low + 1e-6), places], 1))
        return torch.cat([self.head(f4.mean((2, 3))), lesion], 1)


class AttentionUNet(nn.Module):
    """The 2-D U-Net with additive gates on all skip connections, gated by the coarser features as they are."""

    def __init__(self, classes: int, widths=(32, 64, 128, 256, 512, 1024)):
        super().__init__()
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(_two(start, width) for start, width in zip((1, *widths), widths, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in pairs)
        self.theta = nn.ModuleList(nn.Conv2d(a, a, 2, 2, bias=False) for a, _ in pairs)
        self.phi = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        self.psi = nn.ModuleList(nn.Conv2d(a, 1, 1) for a, _ in pairs)
        self.join = nn.ModuleList(_two(2 * a, a) for a, _ in pairs)
        self.out = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        skips = []
        for i, down in enumerate(self.down):
            x = down(nn.functional.max_pool2d(x, 2) if i else x)
            skips.append(x)
        for i in reversed(range(len(self.up))):
            skip = skips[i]
            gate = torch.sigmoid(self.psi[i](torch.relu(self.theta[i](skip) + self.phi[i](x))))
            gate = nn.functional.interpolate(gate, scale_factor=2, mode="bilinear")
            x = self.join[i](torch.cat([skip * gate, self.up[i](x)], 1))
        return self.out(x)


def _two(start: int, width: int) -> nn.Sequential:
    layers = []
    for channels in (start, width):
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers)
