"""Networks on pictures in PyTorch, as a worker of joulebench: ViT and CLIP of transformers, ResNet-50
and DeepLabV3 of torchvision, U-Net, Real-ESRGAN and EDSR as plain modules.

One phase, `infer`, one image for each picture of the batch (a pair for CLIP). Random weights
N(0, 1/fan-in), smooth random pictures. Needs torch >= 2.8, torchvision and transformers >= 5.
"""

import hashlib

import modes
from protocol import Refused, serve

# Numbers of the outputs that the digest is of: copying all of an enlarged picture would take its
# time from the window.
SAMPLED = 4096


def of_transformers(name, **shape):
    def make():
        import transformers

        config = getattr(transformers, f"{name}Config")(**shape)
        kind = "CLIPModel" if name == "CLIP" else "ViTForImageClassification"
        return getattr(transformers, kind)(config)

    return make


def vit(patch, layers, width, heads, image=224, classes=1000):
    return of_transformers(
        "ViT", hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * width,
        patch_size=patch, image_size=image, num_labels=classes,
    )


def tower(layers, width, heads):
    return {
        "num_hidden_layers": layers, "hidden_size": width, "num_attention_heads": heads,
        "intermediate_size": 4 * width,
    }


def clip(patch, vision, text, projection, image=224, vocabulary=49_408, tokens=77):
    vision = tower(*vision) | {"patch_size": patch, "image_size": image}
    text = tower(*text) | {
        "vocab_size": vocabulary, "max_position_embeddings": tokens, "eos_token_id": 2,
        "bos_token_id": vocabulary - 2, "pad_token_id": vocabulary - 1,
    }
    return of_transformers("CLIP", text_config=text, vision_config=vision, projection_dim=projection)


def segformer(name):
    def make():
        import detection_models

        return detection_models.segmenter(name)

    return make


def of_torchvision(name):
    def make():
        import picture_torchvision

        return getattr(picture_torchvision, name)()

    return make


def ours(name, *shape):
    def make():
        import picture_models

        return getattr(picture_models, name)(*shape)

    return make


# Maker, native edge, and what edges are multiples of (the native one alone where both are the same).
MODELS = {
    "vit-micro": (vit(8, 2, 64, 4, image=32, classes=10), 32, 8),
    "vit-base": (vit(16, 12, 768, 12), 224, 16),
    "vit-large": (vit(16, 24, 1024, 16), 224, 16),
    "vit-huge": (vit(14, 32, 1280, 16), 224, 14),
    "clip-micro": (clip(8, (2, 64, 4), (2, 32, 2), 24, image=32, vocabulary=128, tokens=16), 32, 32),
    "clip-vit-b-32": (clip(32, (12, 768, 12), (12, 512, 8), 512), 224, 224),
    "clip-vit-l-14": (clip(14, (24, 1024, 16), (12, 768, 12), 768), 224, 224),
    "resnet-tiny": (of_torchvision("resnet_tiny"), 224, 32),
    "resnet-50": (of_torchvision("resnet_50"), 224, 32),
    "deeplabv3-tiny": (of_torchvision("deeplabv3_tiny"), 520, 8),
    "deeplabv3": (of_torchvision("deeplabv3"), 520, 8),
    **{name: (segformer(name), 512, 32) for name in ("segformer-tiny", "segformer-b0", "segformer-b2")},
    "unet-tiny": (ours("Unet", (8, 12, 16, 24, 32)), 512, 16),
    "unet": (ours("Unet"), 512, 16),
    "real-esrgan-tiny": (ours("RealEsrgan", 2, 12, 6), 256, 1),
    "real-esrgan": (ours("RealEsrgan"), 256, 1),
    "edsr-tiny": (ours("Edsr", 3, 16), 256, 1),
    "edsr": (ours("Edsr"), 256, 1),
}


def pictures(batch, edge, seed):
    """Noise of several octaves, each of half the contrast of the one before: smooth, as photographs
    are, with values from 0 to 1 and no zeros."""
    import torch
    from torch.nn import functional

    random = torch.Generator().manual_seed(seed % 2**63)
    values, contrast = torch.full((batch, 3, edge, edge), 0.5), 0.5
    for cells in (3, 6, 12, 24, 48, edge):
        if cells > edge:
            continue
        lattice = contrast * (2 * torch.rand((batch, 3, cells, cells), generator=random) - 1)
        values += functional.interpolate(lattice, size=(edge, edge), mode="bilinear", align_corners=False)
        contrast /= 2
    return values.clamp(0.02, 0.98)


def normalised(values, model):
    """As the model wants its pixels."""
    import torch

    def with_(mean, deviation):
        mean, deviation = (torch.tensor(each).reshape(1, 3, 1, 1) for each in (mean, deviation))
        return (values - mean) / deviation

    family = model.split("-")[0]
    if family == "vit":
        return with_([0.5] * 3, [0.5] * 3)
    if family == "clip":
        return with_([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
    if family in ("resnet", "deeplabv3", "segformer"):
        return with_([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    if family == "edsr":
        return with_([0.4488, 0.4371, 0.4040], [1 / 255] * 3)
    return values


def spread_norms(model, seed):
    """Batch norms of an untrained network do nothing: give them means and biases, and the weight
    that keeps the size of values through a chain of layers that cut half of them off."""
    import torch
    from torch import nn

    import picture_models

    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    gain = 2**0.5 if isinstance(model, picture_models.Unet) else 1.0
    for index, norm in enumerate(norms):
        random = torch.Generator(norm.bias.device).manual_seed((seed + index + 1) % 2**63)
        with torch.no_grad():
            norm.weight.fill_(gain)
            for values in (norm.bias, norm.running_mean):
                values.normal_(0.0, values.numel() ** -0.5, generator=random)


def build(request, mode):
    import torch

    import engine

    class Seeing(engine.Workload):
        output_phase = "infer"

        def __init__(self):
            device = engine.device()
            dtype = engine.number_format(request, device)
            self.name = request.word("model", MODELS)
            make, native, step = MODELS[self.name]
            self.unit = "pair" if self.name.startswith("clip") else "image"
            self.batch, edge = request.count("batch"), request.count("resolution_px", default=native)
            request.word("quantisation", ["none"], default="none")
            request.all_read()
            if edge % step or (step == native and edge != native):
                takes = f"{native} alone" if step == native else f"multiples of {step}"
                raise Refused(f"axis 'resolution_px' has the value '{edge}', model '{self.name}' takes: {takes}")
            super().__init__(device, mode, self.library())
            self.model = engine.build(make, request.weights_seed, dtype, device)
            spread_norms(self.model, request.weights_seed)
            seen = normalised(pictures(self.batch, edge, request.input_seed), self.name).to(device, dtype)
            self.arguments = {"pixel_values": seen} if self.library() else {"x": seen}
            if self.name.startswith("vit"):
                self.arguments["interpolate_pos_encoding"] = edge != native
            if self.name.startswith("clip"):
                self.arguments["input_ids"] = self.captions(request.input_seed, device)
            if mode != "eager":
                self.model = self.model.to(memory_format=torch.channels_last)
                for name, value in self.arguments.items():
                    if getattr(value, "ndim", 0) == 4:
                        self.arguments[name] = value.contiguous(memory_format=torch.channels_last)
            with torch.inference_mode():
                if mode == "compiled":
                    self.forward = torch.compile(self.forward, dynamic=False)
                self.outputs = [torch.zeros_like(output) for output in self.forward()]
                self.run = engine.Graph(self.see, device) if mode == "compiled" else self.see

        def library(self):
            if self.name.split("-")[0] in ("vit", "clip"):
                import transformers

                return f"transformers {transformers.__version__}"
            return None

        def captions(self, seed, device):
            """Words that nobody wrote, from a beginning to an end: the two largest tokens."""
            text = self.model.config.text_config
            shape = (self.batch, text.max_position_embeddings)
            ids = engine.seeded_ids(shape, text.vocab_size - 2, seed, device)
            ids[:, 0], ids[:, -1] = text.vocab_size - 2, text.vocab_size - 1
            return ids

        def forward(self):
            if "x" in self.arguments:
                found = self.model(self.arguments["x"])
                return list(found.values()) if isinstance(found, dict) else [found]
            found = self.model(**self.arguments)
            if self.unit == "pair":
                return [found.image_embeds, found.text_embeds]
            return [found.logits]

        def see(self):
            for kept, output in zip(self.outputs, self.forward()):
                kept.copy_(output)

        def iterate(self, phase):
            with torch.inference_mode(), phase("infer", self.batch):
                self.run()

        def digest(self):
            """Over numbers that lie evenly in the outputs, as little-endian f32."""
            sha = hashlib.sha256()
            for output in self.outputs:
                flat = output.flatten()
                step = max(1, flat.numel() // SAMPLED)
                sha.update(flat[::step].float().cpu().numpy().astype("<f4").tobytes())
            return sha.hexdigest()

        def quality(self):
            for output in self.outputs:
                engine.check_spread(output, "outputs")
            return {}

    return Seeing()


if __name__ == "__main__":
    serve("picture_torch 1", __doc__, modes.PICTURE, build)
