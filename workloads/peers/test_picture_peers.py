"""Holds the PyTorch peers of networks on pictures against what is known.

    python3 workloads/peers/test_picture_peers.py

Parameters against our own counts; the protocol with real processes on the CPU at tiny sizes,
refusals included. Needs torch, torchvision, transformers, safetensors and a minute; no GPU. Nothing
is compiled here: compilers change speed, not results.
"""

import unittest

import torch
import transformers

import picture_torch
from test_peers import deviation, marks

# Of the released checkpoints; those of our own shapes are counted by our worker's tests.
PARAMETERS = {
    "vit-base": 86_567_656,
    "vit-large": 304_326_632,
    "vit-huge": 632_045_800,
    "clip-vit-b-32": 151_277_313,
    "clip-vit-l-14": 427_616_513,
    "resnet-50": 25_557_032,
    "deeplabv3": 42_004_074,
    "unet": 31_037_698,
    "real-esrgan": 16_697_987,
    "edsr": 43_089_923,
}
SMALL = {
    "vit-micro": 48,
    "clip-micro": 32,
    "resnet-tiny": 64,
    "deeplabv3-tiny": 64,
    "unet-tiny": 32,
    "real-esrgan-tiny": 16,
    "edsr-tiny": 16,
}


class Sizes(unittest.TestCase):
    def test_parameters_are_those_of_the_released_checkpoints(self):
        for name, published in PARAMETERS.items():
            with self.subTest(name), torch.device("meta"):
                model = picture_torch.MODELS[name][0]()
                self.assertEqual(sum(parameter.numel() for parameter in model.parameters()), published)

    def test_every_model_is_tested(self):
        self.assertEqual(set(picture_torch.MODELS), set(PARAMETERS) | set(SMALL))


class Pictures(unittest.TestCase):
    def test_they_are_smooth_and_depend_on_their_seed(self):
        found = picture_torch.pictures(2, 64, 3)
        self.assertTrue(torch.equal(found, picture_torch.pictures(2, 64, 3)))
        self.assertGreater(deviation(picture_torch.pictures(2, 64, 4), found), 0.1)
        self.assertTrue(0.02 <= found.min() and found.max() <= 0.98)
        steps = (found[..., 1:] - found[..., :-1]).std()
        self.assertLess(steps, 0.5 * found.std())


class Protocol(unittest.TestCase):
    def test_every_small_model_runs_in_both_orders(self):
        for name, edge in SMALL.items():
            unit = "pair" if name.startswith("clip") else "image"
            for mode in ("channels_last", "eager"):
                with self.subTest(name, mode=mode):
                    point = {"model": name, "precision": "f32", "batch": 2, "resolution_px": edge}
                    found, code = marks("picture_torch.py", point, "--mode", mode)
                    self.assertEqual((found[0]["mark"], found[-1]["mark"], code), ("ready", "done", 0), found)
                    self.assertEqual(found[0]["worker"]["unit"], unit)
                    ends = [each["work"] for each in found if each["mark"] == "end"]
                    self.assertEqual(found[-1]["work"], sum(ends))
                    self.assertEqual(set(ends), {2})
                    self.assertEqual(found[-1]["quality"], {"distinct_outputs": 1})

    def test_refusals_say_what_is_supported(self):
        point = {"model": "vit-micro", "precision": "f32", "batch": 1}
        for change, expected in [
            ({"model": "vit-giant"}, "'vit-giant', this worker supports: vit-micro, vit-base"),
            ({"resolution_px": 30}, "'resolution_px' has the value '30', model 'vit-micro' takes: multiples of 8"),
            ({"model": "clip-micro", "resolution_px": 64}, "takes: 32 alone"),
            ({"steps": 20}, "axis 'steps' is '20', this worker does not know that axis"),
        ]:
            with self.subTest(expected):
                found, code = marks("picture_torch.py", point | change)
                self.assertEqual(([each["mark"] for each in found], code), (["failed"], 1))
                self.assertIn(expected, found[0]["message"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    unittest.main()
