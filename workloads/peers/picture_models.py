"""Networks on pictures that neither torchvision nor transformers has, as plain PyTorch modules.

Tensors have the names of their authors' code, which are those of the checkpoints. `small` shapes
are the ones that tests run.
"""

import torch
from torch import nn
from torch.nn import functional


def conv(inputs, outputs, kernel=3):
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees all before it (Wang et al. 2018)."""

    def __init__(self, channels, growth):
        super().__init__()
        for number in range(1, 5):
            setattr(self, f"conv{number}", conv(channels + (number - 1) * growth, growth))
        self.conv5 = conv(channels + 4 * growth, channels)

    def forward(self, x):
        seen = [x]
        for number in range(1, 5):
            layer = getattr(self, f"conv{number}")
            seen.append(functional.leaky_relu(layer(torch.cat(seen, 1)), 0.2))
        return x + 0.2 * self.conv5(torch.cat(seen, 1))


class ResidualDenseBlocks(nn.Module):
    def __init__(self, channels, growth):
        super().__init__()
        self.rdb1 = DenseBlock(channels, growth)
        self.rdb2 = DenseBlock(channels, growth)
        self.rdb3 = DenseBlock(channels, growth)

    def forward(self, x):
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class RealEsrgan(nn.Module):
    """`RRDBNet`: four times the edge."""

    def __init__(self, blocks=23, channels=64, growth=32):
        super().__init__()
        self.conv_first = conv(3, channels)
        self.body = nn.Sequential(*(ResidualDenseBlocks(channels, growth) for _ in range(blocks)))
        self.conv_body = conv(channels, channels)
        self.conv_up1 = conv(channels, channels)
        self.conv_up2 = conv(channels, channels)
        self.conv_hr = conv(channels, channels)
        self.conv_last = conv(channels, 3)

    def forward(self, pictures):
        def seen(layer, x):
            return functional.leaky_relu(layer(x), 0.2)

        x = self.conv_first(pictures)
        x = x + self.conv_body(self.body(x))
        for layer in (self.conv_up1, self.conv_up2):
            x = seen(layer, functional.interpolate(x, scale_factor=2, mode="nearest"))
        return self.conv_last(seen(self.conv_hr, x))


class EdsrBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(conv(channels, channels), nn.ReLU(), conv(channels, channels))

    def forward(self, x):
        return x + 0.1 * self.body(x)


class Edsr(nn.Module):
    """Four times the edge, without the shifts of colour at both ends (Lim et al. 2017)."""

    def __init__(self, blocks=32, channels=256):
        super().__init__()
        self.head = nn.Sequential(conv(3, channels))
        body = [EdsrBlock(channels) for _ in range(blocks)]
        self.body = nn.Sequential(*body, conv(channels, channels))
        double = [conv(channels, 4 * channels), nn.PixelShuffle(2)]
        again = [conv(channels, 4 * channels), nn.PixelShuffle(2)]
        self.tail = nn.Sequential(nn.Sequential(*double, *again), conv(channels, 3))

    def forward(self, pictures):
        x = self.head(pictures)
        return self.tail(x + self.body(x))


class DoubleConv(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()

        def seen(inputs):
            return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

        self.double_conv = nn.Sequential(*seen(inputs), *seen(outputs))

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(inputs, outputs))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
        self.conv = DoubleConv(2 * outputs, outputs)

    def forward(self, x, skipped):
        return self.conv(torch.cat([skipped, self.up(x)], 1))


class OutConv(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.conv = nn.Conv2d(inputs, classes, 1)

    def forward(self, x):
        return self.conv(x)


class Unet(nn.Module):
    """A class for each pixel (Ronneberger et al. 2015)."""

    def __init__(self, channels=(64, 128, 256, 512, 1024), classes=2):
        super().__init__()
        self.inc = DoubleConv(3, channels[0])
        for level in range(1, 5):
            setattr(self, f"down{level}", Down(channels[level - 1], channels[level]))
            setattr(self, f"up{level}", Up(channels[5 - level], channels[4 - level]))
        self.outc = OutConv(channels[0], classes)

    def forward(self, pictures):
        seen = [self.inc(pictures)]
        for level in range(1, 5):
            seen.append(getattr(self, f"down{level}")(seen[-1]))
        x = seen.pop()
        for level in range(1, 5):
            x = getattr(self, f"up{level}")(x, seen.pop())
        return self.outc(x)
