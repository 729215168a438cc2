"""``megawatt serve``: how many tokens a second a machine serves, how soon, and what an answer costs."""

from __future__ import annotations

from pathlib import Path

import click

from megawatt.cli.options import WORDS, Number, Whole, force_option, kernels_option
from megawatt.cli.output import emit_json, say

__all__ = ["serve"]


@click.command(
    epilog="Example: megawatt serve llama-3.1-70b --system hgx-h200 --chips 8 --precision fp8 --isl 4096 --osl 1024 "
    "--ttft 2 --tpot 0.03"
)
@click.argument("model")
@click.option("--system", "system_key", required=True, metavar="KEY|FILE", help="Machine: hgx-h200, ./my-machine.toml.")
@click.option("--chips", required=True, type=Whole(1), help="Chips to use.")
@click.option("--isl", type=Number(1.0), help="Tokens of a prompt.  [default: 1024, or the trace's mean]")
@click.option("--osl", type=Number(1.0), help="Tokens of an answer.  [default: 512, or the trace's mean]")
@click.option("--ttft", type=Number(0.0, above=True), metavar="S", help="Longest mean time to the first token.")
@click.option("--tpot", type=Number(0.0, above=True), metavar="S", help="Longest mean time per token after it.")
@click.option("--rate", type=Number(0.0, above=True), metavar="R", help="Requests a second: the fewest chips for them.")
@click.option("--concurrency", type=Number(0.0, above=True), metavar="N", help="Users in a closed loop on all chips.")
@click.option("--requests", type=Number(1.0), metavar="N", help="An offline run: so many requests, all there at once.")
@click.option("--precision", type=WORDS, default="", help="Of the weights (default: 8 bits where the chip has them).")
@click.option(
    "--kv", "cache", type=click.Choice(["8", "16"]), help="Bits of a key or value (default: the precision's)."
)
@click.option("--stack", default="", metavar="NAME[@RELEASE]", help="vllm, trtllm, sglang, vllm-tpu, nxd-inference.")
@click.option("--layout", default="", metavar="tp=8,...", help="Fix the layout of a replica: tp, pp, dp, ep, cp.")
@click.option("--prefix-hit", type=Number(0.0, 0.999), default=0.0, help="Share of a prompt that is already cached.")
@click.option(
    "--speculate",
    type=(Number(1.0, 64.0), Number(0.0, 10.0)),
    metavar="TOKENS SHARE",
    help="Tokens that a step yields, and time of drafting over that of a step.",
)
@click.option("--divided", is_flag=True, help="Also chips for prompts apart from chips that decode.")
@click.option("--simulate", type=Whole(0, 100_000), default=0, metavar="N",
              help="Serve so many requests step by step: percentiles of the latencies.")  # fmt: skip
@click.option("--burstiness", type=Number(0.0, 1e6, above=True), default=1.0, show_default=True, metavar="SHAPE",
              help="Of simulated arrivals: 1 Poisson, below it in bursts (gamma-distributed gaps).")  # fmt: skip
@click.option("--trace", "trace_file", type=click.Path(path_type=Path), metavar="FILE",
              help="Requests as they came (CSV, JSON lines): their rate and lengths, simulated.")  # fmt: skip
@click.option("--seed", type=Whole(0), default=0, show_default=True, help="Of the simulated arrivals.")
@click.option("--price", type=Number(0.0), metavar="USD", help="Price of a chip-hour: cost of a million tokens.")
@click.option("--top", type=Whole(1, 20), default=5, show_default=True, help="Layouts to list.")
@kernels_option
@click.option(
    "--write-settings",
    type=(click.Choice(["vllm", "trtllm", "sglang"]), click.Path(path_type=Path)),
    metavar="ENGINE FILE",
    help="Write the first choice as arguments of an engine: vllm, trtllm, sglang.",
)
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/serving.md).")
def serve(
    model: str,
    system_key: str,
    chips: int,
    isl: float | None,
    osl: float | None,
    ttft: float | None,
    tpot: float | None,
    rate: float | None,
    concurrency: float | None,
    requests: float | None,
    precision: str,
    cache: str | None,
    stack: str,
    layout: str,
    prefix_hit: float,
    speculate: tuple[float, float] | None,
    divided: bool,
    simulate: int,
    burstiness: float,
    trace_file: Path | None,
    seed: int,
    price: float | None,
    top: int,
    kernels: Path | None,
    write_settings: tuple[str, Path] | None,
    force: bool,
    as_json: bool,
) -> None:
    """How many tokens a second does a machine serve of MODEL, how soon do users get them, and what does it take?

    MODEL is a catalogue key, a Hugging Face config.json or a model file; --system a key or a machine file. All layouts
    and loads are costed; listed is the best load of each layout that keeps the targets, and the front of speed against
    throughput. Latencies are means; --simulate gives percentiles.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.cli import serving_views as views
    from megawatt.serving import (
        Targets,
        asked_traffic,
        engine_settings,
        parse_layout,
        read_trace,
        simulated,
        usual_precision,
    )
    from megawatt.serving import serve as answer
    from megawatt.serving.telling import plan_dict
    from megawatt.training import open_machine
    from megawatt.workload import load_model
    from megawatt.writing import check_text, write_text

    if write_settings is not None:
        check_text(write_settings[1], force=force)
    catalogue, system = open_machine(load_catalogue(), system_key, kernels=kernels)
    trace = read_trace(trace_file) if trace_file is not None else None
    traffic, wanted_rate = asked_traffic(isl, osl, prefix_hit, speculate, trace, rate, concurrency or requests)
    found = answer(
        load_model(model, catalogue), system, chips, traffic,
        catalogue=catalogue, precision=precision.strip().lower() or usual_precision(system.accelerator), stack=stack,
        cache_bytes={"8": 1.0, "16": 2.0, None: 0.0}[cache], targets=Targets(ttft or float("inf"),
        tpot or float("inf"), wanted_rate), layout=parse_layout(layout), divided=divided,
        concurrency=concurrency or 0.0, requests=requests or 0.0, listed=top,
    )  # fmt: skip
    measured = simulated(found, simulate, seed, burstiness=burstiness, trace=trace) if simulate or trace else None
    if write_settings is not None:
        write_text(write_settings[1], engine_settings(found, write_settings[0]), force=force, seal=False)
    if as_json:
        emit_json("serve", [plan_dict(found, price, measured)])
        return
    views.show_plan(found, price, measured)
    if write_settings is not None:
        say(f"Settings: {write_settings[1]}")
