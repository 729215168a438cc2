"""A real training step on one GPU: time, power and memory, for comparison with ``megawatt train``.

Needs this project installed beside PyTorch with CUDA:

    python tools/gpu_step.py OUT.json

Decoder as in Llama: layers compiled one by one, fused attention, bf16 weights and gradients, 32-bit master weights and
moments (fused AdamW). Random tokens; at least ten steps and four seconds, after five steps of warm-up.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as fn
from torch import nn
from torch.utils.checkpoint import checkpoint

from megawatt.calibration.meter import EnergyMeter


@dataclass(frozen=True)
class Case:
    """One model and batch."""

    name: str
    hidden: int
    layers: int
    heads: int
    groups: int
    ffn: int
    vocab: int
    seq: int
    micro_batch: int
    recompute: bool


CASES = (
    Case("1.3B", 2048, 24, 16, 16, 5504, 32000, 2048, 8, False),
    Case("1.3B long", 2048, 24, 16, 16, 5504, 32000, 8192, 2, False),
    Case("3B", 3072, 28, 24, 8, 8192, 32000, 4096, 2, False),
    Case("Llama 2 7B, full recompute", 4096, 32, 32, 32, 11008, 32000, 4096, 2, True),
)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Layer(nn.Module):
    def __init__(self, c: Case) -> None:
        super().__init__()
        self.c, self.width = c, c.hidden // c.heads
        self.norm1, self.norm2 = nn.RMSNorm(c.hidden), nn.RMSNorm(c.hidden)
        self.qkv = nn.Linear(c.hidden, (c.heads + 2 * c.groups) * self.width, bias=False)
        self.out = nn.Linear(c.hidden, c.hidden, bias=False)
        self.gate_up = nn.Linear(c.hidden, 2 * c.ffn, bias=False)
        self.down = nn.Linear(c.ffn, c.hidden, bias=False)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        c, (b, s, _) = self.c, x.shape
        qkv = self.qkv(self.norm1(x)).view(b, s, c.heads + 2 * c.groups, self.width).transpose(1, 2)
        q, k, v = qkv.split((c.heads, c.groups, c.groups), dim=1)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        y = fn.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=c.groups != c.heads)
        x = x + self.out(y.transpose(1, 2).reshape(b, s, c.hidden))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, dim=-1)
        return x + self.down(fn.silu(gate) * up)


class Decoder(nn.Module):
    def __init__(self, c: Case) -> None:
        super().__init__()
        self.c = c
        self.embed = nn.Embedding(c.vocab, c.hidden)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))
        self.norm, self.head = nn.RMSNorm(c.hidden), nn.Linear(c.hidden, c.vocab, bias=False)
        width = c.hidden // c.heads
        angle = torch.outer(torch.arange(c.seq), 10000.0 ** (-torch.arange(0, width, 2) / width)).cuda()
        self.cos, self.sin = angle.cos().bfloat16(), angle.sin().bfloat16()
        for layer in self.layers:
            layer.compile()

    def forward(self, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        for layer in self.layers:
            args = (x, self.cos, self.sin)
            x = checkpoint(layer, *args, use_reentrant=False) if self.c.recompute else layer(*args)
        return fn.cross_entropy(self.head(self.norm(x)).view(-1, self.c.vocab).float(), targets.reshape(-1))


def measure(c: Case) -> dict[str, object]:
    torch.manual_seed(0)
    torch.cuda.reset_peak_memory_stats()
    with torch.device("cuda"):
        torch.set_default_dtype(torch.bfloat16)
        model = Decoder(c)
        torch.set_default_dtype(torch.float32)
    weights = list(model.parameters())
    master = [w.detach().float() for w in weights]
    optimizer = torch.optim.AdamW(master, lr=1e-4, fused=True)
    tokens = torch.randint(c.vocab, (c.micro_batch, c.seq + 1), device="cuda")

    def step() -> None:
        model(tokens[:, :-1], tokens[:, 1:]).backward()
        for m, w in zip(master, weights, strict=True):
            m.grad = w.grad.float()
            w.grad = None
        optimizer.step()
        for m in master:
            m.grad = None
        torch._foreach_copy_([w.data for w in weights], master)

    for _ in range(5):
        step()
    torch.cuda.synchronize()
    steps, begin = 0, time.monotonic()
    with EnergyMeter(torch) as meter:
        while steps < 10 or time.monotonic() - begin < 4.0:
            step()
            torch.cuda.synchronize()
            steps += 1
    step_s = (time.monotonic() - begin) / steps
    return asdict(c) | {
        "parameters": sum(w.numel() for w in weights),
        "step_time_s": step_s,
        "power_w": meter.power_w(),
        "clock_mhz": float(torch.cuda.clock_rate()),
        "memory_peak_bytes": torch.cuda.max_memory_allocated(),
    }


def main() -> None:
    rows: list[dict[str, object]] = []
    for case in CASES:
        torch._dynamo.reset()
        torch.cuda.empty_cache()
        try:
            rows.append(measure(case))
        except (RuntimeError, torch.OutOfMemoryError) as error:
            rows.append({"name": case.name, "error": str(error)[:300]})
        print(rows[-1], flush=True)
        Path(sys.argv[1]).write_text(json.dumps({"device": torch.cuda.get_device_name(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
