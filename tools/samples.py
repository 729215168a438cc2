"""One small file of each kind that `megawatt validate` scores, made up: a few rows whose answers nobody measured."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

__all__ = ["write_samples"]

Row = Mapping[str, Any]

_RUN: Final[Row] = {
    "id": "a", "source": "s", "model": "m", "layers": 8, "hidden": 4096, "heads": 32, "kv_heads": 32, "head_dim": 128,
    "ffn": 11008, "gated": 1, "vocab": 32000, "tied_embeddings": 0, "attention": "mha", "experts": "",
    "experts_per_token": "", "expert_ffn": "", "seq_len": 4096, "accelerator": "h100-sxm", "chips": 16,
    "chips_per_node": 8, "dtype": "bf16", "global_batch": 64, "micro_batch": 1, "tp": 2, "pp": 1, "vpp": 1, "cp": 1,
    "ep": 1, "dp": 8, "zero": 1, "seq_parallel": 1, "recompute": "none", "software": "NeMo", "metric": "step_time_s",
    "value": 2.0, "flops_convention": "model", "published": "2025-01", "scorable": 1, "scaleout": "8x400Gb/s",
}  # fmt: skip
_MIXTURE: Final[Row] = _RUN | {
    "id": "b", "ffn": "", "experts": 8, "experts_per_token": 2, "expert_ffn": 14336, "tp": 1, "dp": 16, "ep": 8,
    "seq_parallel": 0,
}  # fmt: skip
_LAYOUT: Final[Row] = {name: v for name, v in _RUN.items() if name not in ("metric", "value", "flops_convention")}
_PEAK: Final[Row] = _LAYOUT | {"peak_gib": 50.0, "basis": "nvidia-smi", "outcome": "peak", "optimizer": "adamw"}
_SERVED: Final[Row] = {
    "id": "a", "source": "s", "model": "llama-2-7b", "accelerator": "h100-sxm", "chips": 8, "dtype": "fp8",
    "input_len": 1024, "output_len": 512, "batch_or_concurrency": "max load", "tp": 8, "pp": 1, "ep": "",
    "metric": "tokens_per_s_total", "value": 9000, "software": "vLLM 0.17.0", "notes": "",
}  # fmt: skip
_SITE: Final[Row] = {
    "id": "a", "site": "dublin", "operator": "Google", "city": "Dublin", "climate": "Cfb", "lat": 53.3, "lon": -6.3,
    "year": 2024, "pue": 1.1, "wue_l_per_kwh": 0.4, "wue_scope": "site", "notes": "",
}  # fmt: skip
_KERNEL: Final[Row] = {"accelerator": "h100-sxm", "stack": "trtllm_1.0.0", "dtype": "bf16", "latency_ms": 1.7,
                       "power_w": 500.0, "power_limit_w": 700.0, "fold": "score"}  # fmt: skip
_GEMM: Final[Row] = _KERNEL | {"m": 4096, "n": 8192, "k": 5120}
_ATTENTION: Final[Row] = _KERNEL | {"kv_cache_dtype": "bfloat16", "batch_size": 2, "isl": 4096, "num_heads": 32,
                                    "num_key_value_heads": 8, "head_dim": 128}  # fmt: skip
_EXPERTS: Final[Row] = _KERNEL | {"num_tokens": 8192, "hidden_size": 4096, "inter_size": 14336, "topk": 2,
                                  "num_experts": 8, "moe_tp_size": 1, "moe_ep_size": 1,
                                  "distribution": "balanced"}  # fmt: skip
_COLLECTIVE: Final[Row] = {"accelerator": "h100-sxm", "stack": "nccl_2.27.3", "dtype": "fp16", "op_name": "all_gather",
                           "num_gpus": 8, "message_size": 1 << 24, "latency_ms": 0.1, "fold": "score"}  # fmt: skip
_CURVE: Final[Row] = {"accelerator": "h100-sxm", "kernel": "fa2", "pass": "fwd", "dtype": "bf16", "head_dim": 128,
                      "causal": 1, "seq_len": 4096, "tflops": 350, "source_url": "none", "note": ""}  # fmt: skip
_BANDWIDTH: Final[Row] = {"accelerator": "h100-sxm", "op": "all_reduce", "ranks": 8, "bytes": 1 << 28, "time_us": "",
                          "busbw_GBps": 300, "software": "NCCL", "source_url": "none", "note": ""}  # fmt: skip
_FACT: Final[Row] = {"company": "a", "unit": "usd", "as_of": "2021-12-31", "source_url": "", "confidence": "high"}
_CRISIS: Final = [
    _FACT | {"field": "hashrate_self", "value": 3.1, "unit": "EH_per_s"},
    _FACT | {"field": "debt", "value": 1.7e8},
    _FACT | {"field": "outcome", "value": "survived", "as_of": "2022-12-31"},
]
_LONG: Final[Row] = {
    "id": "a", "run": "r", "chips": 4096, "accelerator": "h100-sxm", "days_wall": 41.3, "interruptions_unexpected": 77,
    "interruptions_planned": 9, "effective_time_frac": 0.93, "mttf_hours": "", "restart_minutes": "",
    "checkpoint_minutes": "", "checkpoint_interval_minutes": "", "cause_shares": "", "step_days_ideal": "",
    "source": "s", "source_url": "none", "notes": "", "kind": "run", "per_1000_node_days": 3.64, "read_at": "",
}  # fmt: skip
_DAYS: Final[Row] = _LAYOUT | {
    "tokens": 3.17e11, "ramp": "16:1e10", "phases": "tokens=7e9 seq_len=8192 global_batch=32", "days": 41.9,
    "days_basis": "wall", "recovery": "automatic", "apart": "", "read_at": "", "source_url": "none", "notes": "",
}  # fmt: skip
_ENERGY: Final[Row] = {
    "id": "a", "model": "m", "params_b": 13.7, "accelerator": "h100-sxm", "chips": 512, "hours": "",
    "gpu_hours": 1000000, "energy_mwh": 629.3, "it_or_facility": "it", "energy_basis": "measured average W",
    "pue": "", "carbon_intensity_kg_kwh": "", "carbon_t": "", "carbon_basis": "", "water_kl": "",
    "power_w_per_chip": 541, "power_basis": "measured average", "confidence": "read", "source_url": "none",
    "notes": "",
}  # fmt: skip
_NODE: Final[Row] = {
    "id": "a", "system": "H100 SXM", "workload": "OLMo 2 7B pre-training, active", "quantity": "GPU power",
    "value": 600, "unit": "W", "rated_value": 700, "rated_unit": "W", "ratio_to_rated": 0.86, "measured": "yes",
    "confidence": "read", "source_url": "none", "notes": "",
}  # fmt: skip
_RISK: Final[Mapping[str, Any]] = {
    "schema": "risk-case/1",
    "inputs": {"pd": 0.0417, "rho": 0.213, "lgd": 0.571, "confidence": [0.987]},
    "outputs": {"expected_loss": 0.0238107},
}
_CLEARING: Final[Mapping[str, Any]] = {
    "schema": "clearing-case/1",
    "cases": [
        {
            "label": "a",
            "inputs": {"liabilities": [[0, 7.31], [0, 0]], "external_assets": [5.1173, 0]},
            "outputs": {"clearing_vector": [5.1173, 0], "equity": [0, 5.1173]},
        }
    ],
}
_FINANCE: Final[Mapping[str, Any]] = {
    "schema": "finance-case/1",
    "inputs": {
        "n_years": 3, "capex_t0": 1000.0, "units": [10.0] * 3, "price": [61.7] * 3, "opex": [103.1] * 3,
        "federal_tax_rate": 0.21, "state_tax_rate": 0.0, "discount_rate_nominal": 0.1,
        "debt": {"kind": "constant_principal", "debt_fraction": 0.53, "interest_rate": 0.1, "tenor_years": 3,
                 "moratorium_years": 1},
    },
    "outputs": {"debt_size": 500.0, "project_irr_aftertax": 0.1, "project_npv_aftertax": 1.0,
                "equity_irr_aftertax": 0.1, "debt_service": [1.0] * 3, "tax_paid": [1.0] * 3},
}  # fmt: skip
_PARAMETERS: Final[Mapping[str, float]] = {
    "solar_mw": 30.0, "wind_mw": 20.0, "solar_om_usd_mwh": 0.5, "wind_om_usd_mwh": 1.0, "battery_power_mw": 15.0,
    "battery_energy_mwh": 30.0, "eta_charge": 0.96, "eta_discharge": 0.95, "standing_loss_per_hour": 0.0001,
    "battery_discharge_cost_usd_mwh": 5.0, "import_limit_mw": 60.0, "import_adder_usd_mwh": 6.0,
    "demand_charge_usd_mw_year": 650.0, "export_limit_mw": 10.0, "export_spread_usd_mwh": 3.0, "bitcoin_max_mw": 20.0,
    "bitcoin_value_usd_mwh": 52.0, "gas_mw": 12.0, "gas_cost_usd_mwh": 95.0, "gas_ef_kg_mwh": 480.0,
    "carbon_price_usd_t": 0.0, "voll_usd_mwh": 9000.0,
}  # fmt: skip


_MINING_SITE = Path(__file__).parents[1] / "examples" / "childress-bitcoin.toml"


def write_samples(folder: Path) -> dict[str, Path]:
    """Write a file (or folder) of every kind into a folder; keyed by kind."""
    found = {
        "training-runs": _csv(folder / "runs.csv", [_RUN, _MIXTURE, _RUN | {"id": "c", "tp": "", "pp": ""}]),
        "training-memory": _csv(folder / "peaks.csv", [_PEAK, _PEAK | {"id": "b", "peak_gib": "", "outcome": "oom"}]),
        "inference": _csv(
            folder / "served.csv",
            [
                _SERVED,
                _SERVED | {"id": "b", "batch_or_concurrency": 8, "metric": "tpot_ms", "value": 9.7},
                _SERVED | {"id": "c", "batch_or_concurrency": 8, "metric": "ttft_ms", "value": 90.1},
            ],
        ),
        "facility": _csv(folder / "sites.csv", [_SITE]),
        "meter": _meter(folder / "meter.csv"),
        "miner-production": _csv(
            folder / "miners.csv", [{"company": "a", "month": "2024-05", "btc_mined": 231.7, "average_eh_per_s": 9.413}]
        ),
        "dispatch-case": _case(folder / "case"),
        "kernels-gemm": _parquet(folder / "gemm.parquet", [_GEMM, _GEMM | {"m": 8192}]),
        "kernels-attention": _parquet(folder / "attention.parquet", [_ATTENTION, _ATTENTION | {"isl": 8192}]),
        "kernels-moe": _parquet(folder / "moe.parquet", [_EXPERTS, _EXPERTS | {"num_tokens": 4096}]),
        "kernels-collectives": _parquet(
            folder / "collectives.parquet", [_COLLECTIVE | {"op_name": f"all_{name}"} for name in ("gather", "reduce")]
        ),
        "attention-published": _csv(folder / "curves.csv", [_CURVE, _CURVE | {"seq_len": 8192, "pass": "fwd+bwd"}]),
        "collectives-published": _csv(
            folder / "bandwidth.csv", [_BANDWIDTH, _BANDWIDTH | {"ranks": 64}, _BANDWIDTH | {"op": "all_gather"}]
        ),
        "finance-case": folder / "finance.json",
        "goodput": _csv(folder / "goodput.csv", [_LONG, _LONG | {"id": "b", "run": "q", "chips": 2048}]),
        "run-days": _csv(folder / "days.csv", [_DAYS, _DAYS | {"id": "b", "days_basis": "steps", "phases": ""}]),
        "training-energy": _csv(folder / "energy.csv", [_ENERGY, _ENERGY | {"id": "b", "params_b": 71.3}]),
        "node-power": _csv(folder / "nodes.csv", [_NODE]),
        "miner-backtest": _csv(folder / "crisis.csv", _CRISIS),
        "risk-case": folder / "risk.json",
        "clearing-case": folder / "clearing.json",
    }
    found["risk-case"].write_text(json.dumps(_RISK), encoding="utf-8")
    found["clearing-case"].write_text(json.dumps(_CLEARING), encoding="utf-8")
    found["finance-case"].write_text(json.dumps(_FINANCE), encoding="utf-8")
    return found


def _meter(path: Path) -> Path:
    """An hour of a meter, with the example of a mining site at an odd connection as its scenario beside it."""
    site = _MINING_SITE.read_text(encoding="utf-8")
    odd = re.sub(r"(?m)^grid_mw = .*$", "grid_mw = 301.3731", site)
    path.with_suffix(".toml").write_text(odd, encoding="utf-8")
    return _csv(path, [{"time": "2023-03-01T00:00", "power_mw": 299.7, "price_usd_per_mwh": 20.0}])


def _csv(path: Path, rows: Sequence[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _parquet(path: Path, rows: Sequence[Row]) -> Path:
    import duckdb

    table = path.with_suffix(".csv")
    _csv(table, rows)
    duckdb.execute(f"COPY (SELECT * FROM read_csv('{table}')) TO '{path}' (FORMAT PARQUET)")
    table.unlink()
    return path


def _case(folder: Path) -> Path:
    """A fortnight of dispatch."""
    folder.mkdir()
    hours = range(14 * 24)
    rows = [
        {
            "hour": h,
            "ai_load_mw": 40.0 + math.sin(h / 5.0),
            "solar_cf": max(math.sin((h % 24 - 6) / 12 * math.pi), 0.0),
            "wind_cf": 0.5 + 0.4 * math.sin(h / 31.0),
            "energy_price_usd_mwh": 36.0 + 30.0 * math.sin(h / 24 * 2 * math.pi) + h % 7,
            "grid_ci_kg_mwh": 250.0,
            "grid_import_cap_mw": 60.0,
        }
        for h in hours
    ]
    _csv(folder / "hourly.csv", rows)
    (folder / "parameters.json").write_text(json.dumps(_PARAMETERS), encoding="utf-8")
    answers = {"objective_usd": 1e5, "import_mwh": 1e4, "demand_peak_mw": 50.0, "emissions_t": 1e3}
    (folder / "reference.json").write_text(json.dumps(answers), encoding="utf-8")
    return folder
