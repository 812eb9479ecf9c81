"""Endless matrix products on the GPU: a load for `joulebench calibrate --load`.

Every product is waited for, so that at most one is under way when the program is stopped.
"""

import sys

import torch

SIZE = int(sys.argv[1]) if len(sys.argv) > 1 else 8192

a = torch.randn(SIZE, SIZE, device="cuda", dtype=torch.bfloat16)
b = torch.randn(SIZE, SIZE, device="cuda", dtype=torch.bfloat16)
c = torch.empty_like(a)
torch.matmul(a, b, out=c)
torch.cuda.synchronize()
print("ready", flush=True)
while True:
    torch.matmul(a, b, out=c)
    torch.cuda.synchronize()
