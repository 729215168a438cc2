"""Small valid files of every kind that the package reads, and broken copies of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path

import duckdb

from tests.fuzz.runner import call

_MODEL = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "vocab_size": 32000,
          "intermediate_size": 11008, "num_attention_heads": 32, "num_hidden_layers": 32,
          "num_key_value_heads": 8}  # fmt: skip
_MOE = {"architectures": ["Qwen2MoeForCausalLM"], "model_type": "qwen2_moe", "hidden_size": 2048,
        "intermediate_size": 5632, "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632,
        "num_attention_heads": 16, "num_experts": 60, "num_experts_per_tok": 4, "num_hidden_layers": 12,
        "vocab_size": 151936, "mlp_only_layers": [], "layer_types": ["full_attention"] * 12}  # fmt: skip
PARAMETERS = {"hours": 24, "solar_mw": 20, "wind_mw": 0, "solar_om_usd_mwh": 0.5, "wind_om_usd_mwh": 1,
              "battery_power_mw": 5, "battery_energy_mwh": 10, "eta_charge": 0.9, "eta_discharge": 0.9,
              "standing_loss_per_hour": 0, "battery_discharge_cost_usd_mwh": 1, "import_limit_mw": 60,
              "import_adder_usd_mwh": 0, "demand_charge_usd_mw_year": 0, "export_limit_mw": 5,
              "export_spread_usd_mwh": 3, "bitcoin_max_mw": 5, "bitcoin_value_usd_mwh": 50, "gas_mw": 0,
              "gas_cost_usd_mwh": 95, "gas_ef_kg_mwh": 480, "carbon_price_usd_t": 0, "voll_usd_mwh": 9000}  # fmt: skip
_FINANCE = {"schema": "finance-case/1", "outputs": {"debt_size": 500.0, "principal": [1, 2, 3]}, "inputs": {
    "n_years": 3, "capex_t0": 1000.0, "units": [10.0] * 3, "price": [60.0] * 3, "opex": [100.0] * 3,
    "federal_tax_rate": 0.2, "state_tax_rate": 0.0, "discount_rate_nominal": 0.1, "dsra_months": 6,
    "debt": {"kind": "level", "debt_fraction": 0.5, "interest_rate": 0.1, "tenor_years": 3}}}  # fmt: skip
_DATED = {"schema": "finance-case/1", "outputs": {"debt_at_cod": 60.0}, "inputs": {
    "dates": ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"], "close_date": "2025-12-31",
    "construction_months": 1, "capex": [100.0, 0, 0, 0], "revenue": [0, 60, 60, 60], "opex": [0, 5, 5, 5],
    "chip_hours": [0, 9, 9, 9], "tax_rate": 0.0, "residual_value_last_date": 5.0, "discount_rate": 0.1,
    "debt": {"repayment": "equal principal", "advance_rate_on_capex": 0.6, "interest_rate": 0.1,
             "day_count": "ACT/360", "idc": "capitalised", "first_repayment_period": 2, "n_repayments": 3,
             "upfront_fee_fraction_of_commitment": 0.02}}}  # fmt: skip
_RUN = {"id": "a", "source": "s", "published": "2024", "accelerator": "h100-sxm", "chips": "16", "chips_per_node": "8",
        "model": "llama 7B", "layers": "32", "hidden": "4096", "heads": "32", "kv_heads": "32", "ffn": "11008",
        "gated": "1", "vocab": "32000", "seq_len": "4096", "global_batch": "64", "dtype": "bf16", "tp": "2", "pp": "1",
        "dp": "8", "micro_batch": "1", "zero": "1", "recompute": "none", "software": "Megatron-LM", "metric":
        "step_time_s", "value": "2.5", "flops_convention": "", "causal_halved": "", "scorable": "1"}  # fmt: skip
_SITE = {"id": "1", "site": "us-east-1", "operator": "AWS", "climate": "Cfa", "lat": "38.9", "lon": "-77.4",
         "year": "2023", "pue": "1.15", "wue_l_per_kwh": "0.2", "wue_scope": "site"}  # fmt: skip
_LINK = {"accelerator": "h100-sxm", "op": "all_reduce", "ranks": "8", "bytes": "1073741824", "time_us": "",
         "busbw_GBps": "400"}  # fmt: skip
_CURVE = {"accelerator": "h100-sxm", "kernel": "fa2", "pass": "fwd", "head_dim": "128", "causal": "0",
          "seq_len": "2048", "tflops": "300"}  # fmt: skip
_MIX = """format = 1
name = "two"
title = "Two"
grid_mw = 300
[[parts]]
scenario = "site.toml"
name = "a"
scale = 0.5
either = {shift_months = [0, 6]}
[[parts]]
scenario = "site.toml"
name = "b"
scale = 0.5
until = "2029-12"
values = {"mining.pool_fee_frac" = 0.01}
"""
_GEMM = "SELECT 'h100-sxm' accelerator, 'x' stack, 'bf16' dtype, 0.1 + i latency_ms, 128 * i m, 4096 n, 4096 k"
_LINKS = ("SELECT 'h100-sxm' accelerator, 'x' stack, 'half' dtype, 0.1 + i latency_ms, 'all_reduce' op_name,"
          " 8 num_gpus, 1024 * i message_size")  # fmt: skip


def _csv(row: dict[str, str]) -> str:
    return ",".join(row) + "\n" + ",".join(row.values()) + "\n"


def _hours() -> list[datetime]:
    return [datetime(2023, 1, 1) + timedelta(hours=h) for h in range(8760)]


def _weather(head: str, row: str) -> str:
    return head + "".join(row.format(t=t) + "\n" for t in _hours())


def case_rows(separator: str = ",") -> str:
    """The hours of a dispatch case."""
    head = "hour,ai_load_mw,solar_cf,wind_cf,energy_price_usd_mwh,grid_ci_kg_mwh,grid_import_cap_mw"
    rows = [head, *(f"{h},5,0.2,0,{20 + h},200,60" for h in range(24))]
    return "\n".join(rows).replace(",", separator) + "\n"


TEXTS: dict[str, Callable[[], str]] = {
    "weather.epw": lambda: _weather(
        "LOCATION,X,Y,Z\n" + "x\n" * 7, "2023,{t.month},{t.day},{t.hour},0,?,20,10,50,101325"
    ),
    "tmy3.csv": lambda: _weather(
        '1,"X",Y\nDate (MM/DD/YYYY),Time (HH:MM),Dry-bulb (C),Dew-point (C),Pressure (mbar)\n',
        "{t:%m/%d/%Y},{t:%H}:00,20,10,1013",
    ),
    "nsrdb.csv": lambda: _weather(
        "Source,City,State,Time Zone,Local Time Zone\nNSRDB,-,-,0,-6\n"
        "Year,Month,Day,Hour,Minute,Temperature,Dew Point,Pressure\n",
        "2023,{t.month},{t.day},{t.hour},30,20,10,1013",
    ),
    "weather.csv": lambda: _weather("dry_bulb_c,relative_humidity\n", "20,0.5"),
    "price.csv": lambda: _weather("Datetime,Price (USD/MWh)\n", "{t}-06:00,30.5"),
    "case/parameters.json": lambda: json.dumps(PARAMETERS),
    "case/hourly.csv": case_rows,
    "case/reference.json": lambda: json.dumps({"objective_usd": 1.0, "import_mwh": 2.0}),
    "case/variants.csv": lambda: 'variant,change,objective_usd\na,"{""gas_mw"": 1}",5\nb,"{""solar_mw"": ""x2""}",6\n',
    "model/config.json": lambda: json.dumps(_MODEL),
    "moe/config.json": lambda: json.dumps(_MOE),
    "finance.json": lambda: json.dumps(_FINANCE),
    "dated.json": lambda: json.dumps(_DATED),
    "runs.csv": lambda: _csv(_RUN),
    "sites.csv": lambda: _csv(_SITE),
    "links.csv": lambda: _csv(_LINK),
    "curves.csv": lambda: _csv(_CURVE),
    "mix.toml": lambda: _MIX,
    "company.toml": lambda: (resources.files("megawatt.company") / "known" / "iren.toml").read_text(encoding="utf-8"),
    "flows.csv": lambda: "payer,payee,kind,amount_usd,years,start\nA,B,equity,1e9,3,2027\nB,C,debt,2e9,5,2026-Q3\n",
    "history.csv": lambda: "date,series,close\n" + "".join(
        f"{2018 + m // 12}-{m % 12 + 1:02d}-28,BTC-USD,{100 + m * (1 + m % 3)}\n" for m in range(48)
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: where it lies, and the arguments of the command that reads it."""

    name: str
    arguments: Callable[[Path], list[str]]


def _site(section: str) -> Callable[[Path], list[str]]:
    def arguments(folder: Path) -> list[str]:
        return ["check", str(folder / "site.toml"), "--set", section]

    return arguments


def _validate(name: str) -> Callable[[Path], list[str]]:
    return lambda folder: ["validate", str(folder / name)]


def _train(name: str) -> Callable[[Path], list[str]]:
    return lambda folder: ["train", str(folder / name), "--system", "hgx-h100", "--chips", "8", "--batch", "64",
                           "--layout", "tp=1,pp=1,micro_batch=1"]  # fmt: skip


def _launched(name: str, model: str, system: str) -> Callable[[Path], list[str]]:
    return lambda folder: ["train", model, "--system", system, "--layout", str(folder / name), "--top", "1"]


def _shown(name: str) -> Callable[[Path], list[str]]:
    return lambda folder: ["show", str(folder / name)]


def _machine(folder: Path) -> list[str]:
    return ["train", "llama-2-7b", "--system", str(folder / "machine.toml"), "--chips", "8", "--batch", "64",
            "--layout", "tp=1,pp=1,micro_batch=1"]  # fmt: skip


def _own_model(folder: Path) -> list[str]:
    return ["train", str(folder / "model.toml"), "--system", "hgx-h100", "--chips", "64", "--batch", "64",
            "--layout", "tp=8,pp=4,micro_batch=1"]  # fmt: skip


def _log(folder: Path) -> list[str]:
    return ["validate", "--log", str(folder / "megatron.log"), "--launch", str(folder / "pretrain_70b.sh"),
            "--model", "llama-3.1-70b", "--system", "hgx-h100"]  # fmt: skip


LAUNCHES = {"pretrain_70b.sh": ("llama-3.1-70b", "hgx-h100"), "train_8b.toml": ("llama-3.1-8b", "hgx-h100"),
            "ds_zero3.json": ("llama-2-7b", "hgx-h100"), "nxd_8b.yaml": ("llama-3.1-8b", "trn1-node")}  # fmt: skip
_SAMPLES = Path(__file__).parents[1] / "unit" / "launch" / "files"
_SHOWN = (
    "weather.epw",
    "price.csv",
    "case",
    "model/config.json",
    "finance.json",
    "runs.csv",
    "gemm.parquet",
    "site.toml",
)

NEW = (
    Kind("mix.toml", lambda folder: ["check", str(folder / "mix.toml")]),
    Kind("company.toml", lambda f: ["company", str(f / "company.toml"), "--paths", "8", "--months", "3"]),
    Kind("flows.csv", lambda folder: ["contagion", str(folder / "flows.csv")]),
    Kind("history.csv", lambda folder: ["risk", "calibrate", str(folder / "history.csv")]),
    Kind("machine.toml", _machine),
    Kind("machine.toml", _shown("machine.toml")),
    Kind("machine.toml", lambda folder: ["check", str(folder / "machine.toml")]),
    Kind("model.toml", _own_model),
    Kind("model.toml", _shown("model.toml")),
    *(Kind(name, _launched(name, *for_what)) for name, for_what in LAUNCHES.items()),
    Kind("megatron.log", _log),
    Kind("pretrain_70b.sh", _log),
    *(Kind(f"{name}/hourly.csv" if name == "case" else name, _shown(name)) for name in _SHOWN),
)
"""Files of one's own and of other programs: machines, models, launch files, logs; and what `show` tells of each."""

KINDS = (
    *NEW,
    *(Kind(n, _site(f"site.weather={n}")) for n in ("weather.epw", "tmy3.csv", "nsrdb.csv", "weather.csv")),
    Kind("price.csv", _site("power.price_file=price.csv")),
    *(Kind(n, _validate("case")) for n in TEXTS if n.startswith("case/")),
    Kind("case/parameters.json", lambda folder: ["dispatch", str(folder / "case")]),
    Kind("model/config.json", _train("model/config.json")),
    Kind("moe/config.json", _train("moe")),
    *(Kind(n, _validate(n)) for n in ("finance.json", "dated.json", "runs.csv", "sites.csv", "links.csv")),
    *(Kind(n, _validate(n)) for n in ("curves.csv", "gemm.parquet", "collectives.parquet")),
    Kind("gemm.parquet", lambda f: ["calibrate", "kernels", str(f / "gemm.parquet"), "--out", str(f / "o")]),
    Kind("site.toml", lambda folder: ["check", str(folder / "site.toml")]),
)  # fmt: skip


def write_all(folder: Path, example: Path) -> None:
    """Every valid file in a folder."""
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text(), encoding="utf-8")
    (folder / "site.toml").write_bytes(example.read_bytes())
    for name in (*LAUNCHES, "megatron.log"):
        (folder / name).write_bytes((_SAMPLES / name).read_bytes())
    for kind in ("machine", "model"):
        assert call(["init", str(folder / f"{kind}.toml"), f"--{kind}", "--force"]).code == 0
    for name, query in (("gemm", _GEMM), ("collectives", _LINKS)):
        duckdb.execute(f"COPY ({query} FROM range(1, 9) t(i)) TO '{folder / name}.parquet' (FORMAT parquet)")


_TOKENS = (b"NaN", b"Infinity", b"1e999", b"-1", b"0", b"1" + b"0" * 400, b"null", b"true", b"[]", b"{}", b'"x"', b"\0",
           b"\xef\xbb\xbf", b"\xff\xfe", b"\xe9", b"\xc2\xb2", b",", b"\n", b'"', b";", b"[" * 3000, b"9" * 5000,
           b"-9999", b"1e300", b"2e-320", b"\xed\xa0\x80", b"", b"0.5", b"x" * 10000)  # fmt: skip


def broken(data: bytes, pick: random.Random) -> bytes:
    """A copy of a file's bytes, wrong in one to four places."""
    for _ in range(pick.randint(1, 4)):
        at = pick.randrange(len(data) + 1)
        act = pick.randrange(9)
        if act == 0:
            data = data[:at]
        elif act == 1:
            data = data[:at] + bytes([pick.randrange(256)]) + data[at + 1 :]
        elif act == 2:
            data = data[:at] + pick.choice(_TOKENS) + data[at:]
        elif act == 3:
            data = data[:at] + data[at + pick.randint(1, 40) :]
        elif act == 4:
            data = data[:at] + data[max(at - 200, 0) : at] + data[at:]
        elif act == 5:
            data = pick.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\n\n", b"{")) + data
        elif act == 6:
            data = data.decode("latin-1").encode(pick.choice(("utf-16", "utf-8", "utf-32")))
        else:
            data = _replaced(data, pick)
        data = data[: 2**20]
    return data


def _replaced(data: bytes, pick: random.Random) -> bytes:
    """One number or word of a text exchanged."""
    ends = [i for i, c in enumerate(data[:4000]) if c in b',:[]{}"\n; ']
    if len(ends) < 2:
        return data
    left = pick.randrange(len(ends) - 1)
    return data[: ends[left] + 1] + pick.choice(_TOKENS) + data[ends[left + 1] :]
