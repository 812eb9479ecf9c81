"""Shapes of SegFormer, and YOLOv8 as a plain PyTorch module.

YOLOv8 is written down from the published description of the network (`yolov8.yaml`, 2023), with the
names that its checkpoints have; the code of its authors is not used.
"""

import torch
from torch import nn
from torch.nn import functional

SEGFORMERS = {
    "segformer-tiny": {
        "num_labels": 5, "depths": [1, 2, 1, 1], "hidden_sizes": [16, 16, 32, 32],
        "num_attention_heads": [1, 1, 2, 2], "sr_ratios": [4, 2, 2, 1], "decoder_hidden_size": 24,
    },
    "segformer-b0": {"num_labels": 150},
    "segformer-b2": {
        "num_labels": 150, "depths": [3, 4, 6, 3], "hidden_sizes": [64, 128, 320, 512],
        "decoder_hidden_size": 768,
    },
}

# Depth, width, most channels, classes, bins of a side of a box.
YOLOS = {
    "yolov8-tiny": (0.33, 0.12, 128, 5, 4),
    "yolov8n": (0.33, 0.25, 1024, 80, 16),
    "yolov8s": (0.33, 0.50, 1024, 80, 16),
    "yolov8m": (0.67, 0.75, 768, 80, 16),
    "yolov8l": (1.00, 1.00, 512, 80, 16),
    "yolov8x": (1.00, 1.25, 512, 80, 16),
}


class Segmenter(nn.Module):
    """SegFormer of transformers, its logits resized to the edge of the picture."""

    def __init__(self, config):
        super().__init__()
        import transformers

        self.model = transformers.SegformerForSemanticSegmentation(config)

    def forward(self, pictures):
        logits = self.model(pictures).logits
        return functional.interpolate(logits, size=pictures.shape[2:], mode="bilinear", align_corners=False)


def segmenter(name):
    import transformers

    return Segmenter(transformers.SegformerConfig(**SEGFORMERS[name]))


class Conv(nn.Module):
    def __init__(self, inputs, outputs, kernel=1, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x):
        return functional.silu(self.bn(self.conv(x)))


class Bottleneck(nn.Module):
    def __init__(self, channels, shortcut):
        super().__init__()
        self.cv1, self.cv2 = Conv(channels, channels, 3), Conv(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x):
        seen = self.cv2(self.cv1(x))
        return x + seen if self.shortcut else seen


class Split(nn.Module):
    """Half of the channels go through a chain; everything on the way is joined."""

    def __init__(self, inputs, outputs, repeats, shortcut):
        super().__init__()
        half = outputs // 2
        self.cv1 = Conv(inputs, outputs)
        self.m = nn.ModuleList(Bottleneck(half, shortcut) for _ in range(repeats))
        self.cv2 = Conv((2 + repeats) * half, outputs)

    def forward(self, x):
        parts = list(self.cv1(x).chunk(2, 1))
        for bottleneck in self.m:
            parts.append(bottleneck(parts[-1]))
        return self.cv2(torch.cat(parts, 1))


class Pyramid(nn.Module):
    """Pooled once, twice and three times, joined."""

    def __init__(self, channels):
        super().__init__()
        self.cv1 = Conv(channels, channels // 2)
        self.cv2 = Conv(2 * channels, channels)

    def forward(self, x):
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(functional.max_pool2d(parts[-1], 5, 1, 2))
        return self.cv2(torch.cat(parts, 1))


class Heads(nn.Module):
    def __init__(self, channels, classes, bins):
        super().__init__()
        self.bins = bins
        boxes, words = max(16, channels[0] // 4, 4 * bins), max(channels[0], min(classes, 100))

        def head(inputs, hidden, outputs):
            layers = Conv(inputs, hidden, 3), Conv(hidden, hidden, 3), nn.Conv2d(hidden, outputs, 1)
            return nn.Sequential(*layers)

        self.cv2 = nn.ModuleList(head(inputs, boxes, 4 * bins) for inputs in channels)
        self.cv3 = nn.ModuleList(head(inputs, words, classes) for inputs in channels)

    def forward(self, levels):
        boxes, scores, found = [], [], {}
        for level, (x, sides, words) in enumerate(zip(levels, self.cv2, self.cv3)):
            batch, _, height, width = x.shape
            stride = 2 ** (level + 3)
            found[f"sides_{stride}"], found[f"classes_{stride}"] = sides(x), words(x)
            shares = sides(x).view(batch, 4, self.bins, height * width).softmax(2)
            bins = torch.arange(self.bins, dtype=x.dtype, device=x.device)
            left, top, right, bottom = (shares * bins.view(1, 1, -1, 1)).sum(2).unbind(1)
            y, across = torch.meshgrid(
                torch.arange(height, dtype=x.dtype, device=x.device) + 0.5,
                torch.arange(width, dtype=x.dtype, device=x.device) + 0.5,
                indexing="ij",
            )
            y, across = y.flatten(), across.flatten()
            corners = [across - left, y - top, across + right, y + bottom]
            boxes.append(torch.stack(corners, 2) * stride)
            scores.append(words(x).sigmoid().flatten(2).transpose(1, 2))
        return {"boxes": torch.cat(boxes, 1), "scores": torch.cat(scores, 1), **found}


class Yolo(nn.Module):
    """Boxes as corners, in pixels, and a score of each class, for each place of three levels; and
    what both are made of, level by level."""

    def __init__(self, depth, width, most, classes, bins):
        super().__init__()

        def wide(channels):
            return -(-round(min(channels, most) * width * 100) // 800) * 8

        def deep(repeats):
            return max(round(repeats * depth), 1)

        def split(inputs, channels, repeats, shortcut=False):
            return Split(inputs, wide(channels), deep(repeats), shortcut)

        c64, c128, c256, c512, c1024 = (wide(channels) for channels in (64, 128, 256, 512, 1024))
        self.model = nn.ModuleList([
            Conv(3, c64, 3, 2), Conv(c64, c128, 3, 2), split(c128, 128, 3, True),
            Conv(c128, c256, 3, 2), split(c256, 256, 6, True),
            Conv(c256, c512, 3, 2), split(c512, 512, 6, True),
            Conv(c512, c1024, 3, 2), split(c1024, 1024, 3, True), Pyramid(c1024),
            nn.Identity(), nn.Identity(), split(c1024 + c512, 512, 3),
            nn.Identity(), nn.Identity(), split(c512 + c256, 256, 3),
            Conv(c256, c256, 3, 2), nn.Identity(), split(c256 + c512, 512, 3),
            Conv(c512, c512, 3, 2), nn.Identity(), split(c512 + c1024, 1024, 3),
            Heads((c256, c512, c1024), classes, bins),
        ])

    def forward(self, x):
        model, kept = self.model, {}
        for index in range(10):
            x = kept[index] = model[index](x)

        def joined(x, other):
            return torch.cat([x, other], 1)

        def doubled(x):
            return functional.interpolate(x, scale_factor=2, mode="nearest")

        middle = model[12](joined(doubled(x), kept[6]))
        fine = model[15](joined(doubled(middle), kept[4]))
        middle = model[18](joined(model[16](fine), middle))
        coarse = model[21](joined(model[19](middle), x))
        return model[22]([fine, middle, coarse])
