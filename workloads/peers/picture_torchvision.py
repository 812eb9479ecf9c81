"""torchvision's networks in small shapes, which its own constructors do not offer."""

import torchvision
from torch import nn
from torchvision.models import resnet, segmentation

# Channels of the first convolution; blocks and inner channels of each stage.
TINY = (8, (1, 2, 1, 1), (8, 8, 16, 16))


class SmallResNet(resnet.ResNet):
    def __init__(self, stem, blocks, widths, classes, dilated=(False, False, False)):
        nn.Module.__init__(self)
        self._norm_layer, self.inplanes, self.dilation = nn.BatchNorm2d, stem, 1
        self.groups, self.base_width = 1, 64
        self.conv1 = nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(stem), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._make_layer(resnet.Bottleneck, widths[0], blocks[0])
        for stage in (1, 2, 3):
            layer = self._make_layer(
                resnet.Bottleneck, widths[stage], blocks[stage], stride=2, dilate=dilated[stage - 1]
            )
            setattr(self, f"layer{stage + 1}", layer)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(4 * widths[3], classes)


def resnet_tiny():
    return SmallResNet(*TINY, 10)


def deeplabv3_tiny():
    body = SmallResNet(*TINY, 10, dilated=(False, True, True))
    returned = {"layer4": "out", "layer3": "aux"}
    body = torchvision.models._utils.IntermediateLayerGetter(body, return_layers=returned)
    pyramid = segmentation.deeplabv3.ASPP(64, [1, 2, 3], 16)
    rest = [nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 5, 1)]
    head = nn.Sequential(pyramid, *rest)
    return segmentation.DeepLabV3(body, head, segmentation.fcn.FCNHead(64, 5))


def resnet_50():
    return torchvision.models.resnet50(weights=None)


def deeplabv3():
    return segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=21, aux_loss=True)
