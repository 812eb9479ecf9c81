"""Latent diffusion by diffusers and transformers, as a worker of joulebench.

`text_encode` encodes a caption of seeded words for each picture, and the empty one where pictures
are guided; `denoise` takes all steps, and counts those of each picture; `vae_decode` makes pictures
of the latents. Networks are built from their configurations, without a download, with random
weights N(0, 1/fan-in), channels last. Needs torch >= 2.8, transformers >= 5 and diffusers >= 0.35.
"""

from protocol import Refused, serve

MODES = {
    "eager": "diffusers and transformers, eager, fused attention, channels last",
    "compiled": "the same, denoiser and decoder by torch.compile(mode='reduce-overhead', fullgraph=True)",
}
TOKENS, WORDS = 77, 20
SD_1 = {
    "text": [{"width": 768, "layers": 12, "heads": 12}],
    "unet": {
        "block_out_channels": (320, 640, 1280, 1280), "cross_attention_dim": 768, "attention_head_dim": 8,
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    },
    "vae": {"block_out_channels": (128, 256, 512, 512), "scaling_factor": 0.18215},
    "prediction": "epsilon", "spacing": None, "edge_px": 512, "guidance": 7.5,
}
SDXL = SD_1 | {
    "text": [
        {"width": 768, "layers": 12, "heads": 12, "before_last": True},
        {"width": 1280, "layers": 32, "heads": 20, "before_last": True, "activation": "gelu", "pad": 0, "pooled": True},
    ],
    "unet": {
        "block_out_channels": (320, 640, 1280), "cross_attention_dim": 2048, "attention_head_dim": (5, 10, 20),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10), "use_linear_projection": True,
        "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
    "vae": {"block_out_channels": (128, 256, 512, 512), "scaling_factor": 0.13025},
    "spacing": "leading", "edge_px": 1024, "guidance": 5,
}
MODELS = {
    "diffusion-tiny": SD_1 | {
        "text": [{"width": 64, "layers": 2, "heads": 2, "vocabulary": 512}],
        "unet": {
            "block_out_channels": (32, 64), "cross_attention_dim": 64, "attention_head_dim": (1, 2),
            "down_block_types": ("CrossAttnDownBlock2D",) * 2, "up_block_types": ("CrossAttnUpBlock2D",) * 2,
        },
        "vae": {"block_out_channels": (32, 32, 32, 64), "scaling_factor": 0.18215}, "edge_px": 64,
    },
    "stable-diffusion-1.5": SD_1,
    "stable-diffusion-2.1": SD_1 | {
        "text": [{"width": 1024, "layers": 23, "heads": 16, "activation": "gelu", "pad": 0}],
        "unet": SD_1["unet"] | {
            "cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20), "use_linear_projection": True,
        },
        "prediction": "v_prediction", "edge_px": 768,
    },
    "sdxl": SDXL,
    "sdxl-turbo": SDXL | {"spacing": "trailing", "edge_px": 512, "guidance": 0},
}
# The kind in diffusers, and what released configurations set for it.
SCHEDULERS = {
    "ddim": ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_ancestral": ("EulerAncestralDiscreteScheduler", {}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
}


def text_encoder(shape):
    import transformers

    vocabulary = shape.get("vocabulary", 49_408)
    kind = transformers.CLIPTextModelWithProjection if shape.get("pooled") else transformers.CLIPTextModel
    return kind(transformers.CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=shape["width"], intermediate_size=4 * shape["width"],
        num_hidden_layers=shape["layers"], num_attention_heads=shape["heads"], projection_dim=shape["width"],
        hidden_act=shape.get("activation", "quick_gelu"), bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1,
        attn_implementation="sdpa",
    ))


def networks(model):
    import diffusers
    import torch

    levels = len(model["vae"]["block_out_channels"])
    decoder = diffusers.AutoencoderKL(
        **model["vae"], latent_channels=4, layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels,
    )
    # Pictures are drawn only, so the half that reads them would be memory without use.
    del decoder.encoder, decoder.quant_conv
    return torch.nn.ModuleDict({
        "unet": diffusers.UNet2DConditionModel(sample_size=64, layers_per_block=2, **model["unet"]),
        "vae": decoder,
        "text": torch.nn.ModuleList(text_encoder(shape) for shape in model["text"]),
    })


def scheduler(word, model, steps):
    import diffusers

    name, settings = SCHEDULERS[word]
    spacing = {} if model["spacing"] is None else {"timestep_spacing": model["spacing"]}
    made = getattr(diffusers, name)(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000, steps_offset=1,
        prediction_type=model["prediction"], **settings, **spacing,
    )
    made.set_timesteps(steps)
    return made


def captions(shape, words, guided):
    """Begun, ended and filled up; where pictures are guided, first the empty caption of each."""
    import torch

    vocabulary = shape.get("vocabulary", 49_408)
    begin, end = vocabulary - 2, vocabulary - 1
    ids = torch.full((len(words), TOKENS), shape.get("pad", end))
    ids[:, 0], ids[:, 1 + WORDS] = begin, end
    ids[:, 1 : 1 + WORDS] = words.cpu()
    empty = torch.full((len(words), TOKENS), shape.get("pad", end))
    empty[:, 0], empty[:, 1] = begin, end
    return torch.cat([empty, ids]) if guided else ids


def build(request, mode):
    import diffusers
    import torch

    import engine

    class Drawing(engine.Workload):
        output_phase, unit = "vae_decode", "image"

        def __init__(self):
            device = engine.device()
            dtype = engine.number_format(request, device)
            self.model = model = MODELS[request.word("model", MODELS)]
            self.batch, self.steps = request.count("batch"), request.count("steps")
            self.edge_px = request.count("resolution_px", default=model["edge_px"])
            self.guidance = request.number("guidance", 0, 50, default=model["guidance"])
            self.kind = request.word("scheduler", SCHEDULERS, default="ddim")
            request.word("quantisation", ["none"], default="none")
            request.all_read()
            if self.edge_px % 64:
                raise Refused(f"axis 'resolution_px' is {self.edge_px}, this worker needs a multiple of 64")
            if self.steps >= 1000:
                raise Refused(f"axis 'steps' is {self.steps}, this worker needs fewer than the 1000 noise levels")
            self.guided = self.guidance > 1
            super().__init__(device, mode, f"diffusers {diffusers.__version__}")
            # The widest activations of the decoder, a few times over.
            activations = 6 * self.batch * self.edge_px**2 * 256 * dtype.itemsize
            self.networks = engine.build(lambda: networks(model), request.weights_seed, dtype, device, activations)
            self.networks.to(memory_format=torch.channels_last)
            self.vae, self.dtype = self.networks["vae"], dtype
            vocabulary = model["text"][0].get("vocabulary", 49_408)
            words = engine.seeded_ids((self.batch, WORDS), vocabulary - 2, request.input_seed, device)
            self.ids = [captions(shape, words, self.guided).to(device) for shape in model["text"]]
            self.random = torch.Generator(device).manual_seed(request.input_seed % 2**63)
            self.seed, self.denoiser, self.decoder = request.input_seed % 2**63, self.networks["unet"], self.decoded
            if mode == "compiled":
                how = {"fullgraph": True, "dynamic": False}
                how["mode"] = "reduce-overhead" if device.type == "cuda" else "default"
                self.denoiser = torch.compile(self.denoiser, **how)
                self.decoder = torch.compile(self.decoded, **how)

        def decoded(self, latents):
            return self.vae.decode(latents, return_dict=False)[0]

        def encode(self):
            states, pooled = [], None
            for shape, encoder, ids in zip(self.model["text"], self.networks["text"], self.ids):
                found = encoder(ids, output_hidden_states=True)
                states.append(found.hidden_states[-2] if shape.get("before_last") else found.last_hidden_state)
                pooled = found.text_embeds if shape.get("pooled") else pooled
            self.states, self.added = torch.cat(states, -1), None
            if pooled is not None:
                edge = self.edge_px
                sizes = torch.tensor([[edge, edge, 0, 0, edge, edge]], dtype=self.dtype, device=pooled.device)
                self.added = {"text_embeds": pooled, "time_ids": sizes.expand(len(pooled), -1)}

        def denoise(self):
            schedule = scheduler(self.kind, self.model, self.steps)
            schedule.set_timesteps(self.steps, device=self._device)
            # Without it, each step asks the device for its number.
            if hasattr(schedule, "set_begin_index"):
                schedule.set_begin_index(0)
            self.random.manual_seed(self.seed)
            edge = self.edge_px // 8
            latents = torch.randn(
                (self.batch, 4, edge, edge), generator=self.random, device=self._device, dtype=self.dtype,
            ).contiguous(memory_format=torch.channels_last) * schedule.init_noise_sigma
            extra = {} if self.kind in ("dpmpp_2m", "unipc") else {"generator": self.random}
            for time in schedule.timesteps:
                given = torch.cat([latents] * 2) if self.guided else latents
                given = schedule.scale_model_input(given, time).to(self.dtype)
                said = self.denoiser(
                    given, time, encoder_hidden_states=self.states, added_cond_kwargs=self.added, return_dict=False,
                )[0]
                if self.guided:
                    without, caption = said.chunk(2)
                    said = without + self.guidance * (caption - without)
                latents = schedule.step(said, time, latents, return_dict=False, **extra)[0]
            self.latents = latents.to(self.dtype)

        def iterate(self, phase):
            with torch.inference_mode():
                with phase("text_encode", self.batch):
                    self.encode()
                with phase("denoise", self.batch * self.steps):
                    self.denoise()
                with phase("vae_decode", self.batch):
                    scaled = self.latents / self.vae.config.scaling_factor
                    self.pictures = self.decoder(scaled).clone()

        def bytes(self):
            colours = (255 * (self.pictures.float() / 2 + 0.5).clamp(0, 1)).round()
            return colours.permute(0, 2, 3, 1).contiguous()

        def digest(self):
            return engine.digest_of_numbers(self.bytes())

        def quality(self):
            engine.check_spread(self.pictures, "pictures")
            return {}

    return Drawing()


if __name__ == "__main__":
    serve("diffusion_torch 1", __doc__, MODES, build)
