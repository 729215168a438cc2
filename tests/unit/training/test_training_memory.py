"""Memory against Korthikanti 2022 and by hand."""

from __future__ import annotations

import dataclasses

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.training import Job, Layouts, Stack, one_layout, practice_for, step_memory
from megawatt.training.activations import layer_activations
from megawatt.training.layer import layer_time
from megawatt.training.memory import shard_degrees
from megawatt.training.recompute import module_bits, module_names
from megawatt.training.stages import end_layers, stage_layers
from megawatt.workload import load_model, parameters, structure

CATALOGUE = load_catalogue()


def old_stack() -> Stack:
    return practice_for(CATALOGUE, CATALOGUE.system("hgx-a100"), "stack-megatron-2021").stack


@pytest.mark.parametrize(
    ("tp", "sequence_parallel", "recompute", "factor"),
    [
        # arXiv 2205.05198 table 2, in units of s b h; a = 96 heads, h = 12288, s = 2048: 5 a s / h = 80
        (1, False, 0, 34 + 80),
        (8, False, 0, 10 + 24 / 8 + 80 / 8),
        (8, True, 0, (34 + 80) / 8),
        (8, True, 1, 34 / 8),
    ],
)
def test_activations_of_a_layer_as_in_korthikanti(
    tp: int, sequence_parallel: bool, recompute: int, factor: float
) -> None:
    arch = load_model("megatron-175b", CATALOGUE)
    layout = one_layout(tp=tp, sequence_parallel=sequence_parallel, recompute=recompute)
    assert held(Job(arch, 2048, 64), layout, old_stack()) == pytest.approx(2048 * 12288 * factor)


@pytest.mark.parametrize(
    ("layers", "pp", "expected"),
    [
        (96, 8, (12, 12, 12)),
        (126, 8, (15, 15, 16)),
        (61, 4, (15, 15, 16)),
        (7, 2, (4, 3, 4)),
        (5, 1, (5, 5, 5)),
        (127, 16, (8, 7, 8)),
    ],
)
def test_uneven_stages_are_filled_from_the_middle(layers: int, pp: int, expected: tuple[int, int, int]) -> None:
    assert [float(v[0]) for v in stage_layers(layers, one_layout(pp=pp))] == list(expected)


def memory(job: Job, layout: Layouts, system: str = "hgx-h100", stack: str | None = None) -> dict[str, float]:
    machine = CATALOGUE.system(system)
    practice = practice_for(CATALOGUE, machine, stack)
    return {name: float(v[0]) for name, v in step_memory(job, machine, layout, practice=practice).items()}


def held(job: Job, layout: Layouts, stack: Stack) -> float:
    return float(layer_activations(job, layout, stack).kept[0, 0])


def test_model_states_by_hand() -> None:
    arch = load_model("llama-2-7b", CATALOGUE)
    counts = parameters(arch)
    job = Job(arch, seq_len=4096, global_batch=64)
    alone, sharded = (memory(job, one_layout(dp=8, zero=zero)) for zero in (0, 1))
    # 2 bytes of weights, 2 of gradients (and 2 of one layer's fresh ones), 12 of Adam; the last norm is on no stage
    assert alone["weights"] == pytest.approx(2 * counts.total, rel=1e-5)
    assert alone["gradients"] == pytest.approx(2 * (counts.total + counts.kinds[0].total), rel=1e-5)
    assert alone["optimizer"] == pytest.approx(12 * counts.total, rel=1e-5)
    assert sharded["optimizer"] == pytest.approx(12 * counts.total / 8, rel=1e-5)
    # logits: 4096 tokens x 32000 x 4 bytes (16-bit logits and gradient), and the output projection's fresh gradient
    assert alone["logits"] == pytest.approx(4096 * 32000 * 4 + 2 * 32000 * 4096)
    assert alone["working"] == 0.0
    allocated = sum(v for name, v in alone.items() if name != "reserve")
    assert alone["reserve"] == pytest.approx(2.5e9 + 0.02 * allocated)


@pytest.mark.parametrize(("optimizer", "width"), [("adam", 12), ("adam-bf16", 8), ("adam-8bit", 6.06), ("muon", 8)])
def test_optimizer_states_by_kind(optimizer: str, width: float) -> None:
    arch, system = load_model("llama-2-7b", CATALOGUE), CATALOGUE.system("hgx-h100")
    practice = practice_for(CATALOGUE, system, optimizer=optimizer)
    found = step_memory(Job(arch, 4096, 64), system, one_layout(dp=8), practice=practice)["optimizer"][0]
    assert found == pytest.approx(width * parameters(arch).total / 8, rel=1e-5)


@pytest.mark.parametrize(
    ("optimizer", "zero", "weights", "states"),
    [
        # the 32-bit master whole, the moments shared by eight
        ("adam-whole-master", 1, 2.0, 4 + 8 / 8),
        # weights are the masters: their 16-bit shards stay beside what is gathered
        ("adam-pure-bf16", 0, 2.0, 4.0),
        ("adam-pure-bf16", 3, 2 / 8, 4 / 8),
    ],
)
def test_masters_that_are_whole_or_missing(optimizer: str, zero: int, weights: float, states: float) -> None:
    arch, system = load_model("llama-2-7b", CATALOGUE), CATALOGUE.system("hgx-h100")
    total, layer = parameters(arch).total, parameters(arch).kinds[0].total
    job, layout = Job(arch, 4096, 64), one_layout(dp=8, zero=zero)
    practice = practice_for(CATALOGUE, system, optimizer=optimizer)
    found = step_memory(job, system, layout, practice=practice)
    assert found["optimizer"][0] == pytest.approx(states * total, rel=1e-5)
    gathered = 2 * practice.stack.gathered_layers * layer if zero == 3 else 0.0
    assert found["weights"][0] == pytest.approx(weights * total + gathered, rel=1e-4)
    # in 32 bits the weights are the masters of any kind
    wide = step_memory(dataclasses.replace(job, precision="tf32"), system, one_layout(dp=8, zero=0), practice=practice)
    assert wide["optimizer"][0] == pytest.approx(8 * total, rel=1e-5)


def test_training_in_32_bits_stores_all_in_32_bits() -> None:
    arch = load_model("llama-2-7b", CATALOGUE)
    total = parameters(arch).total
    wide, half = (memory(Job(arch, 4096, 64, precision=name), one_layout(dp=8, zero=0)) for name in ("tf32", "bf16"))
    assert wide["weights"] == pytest.approx(4 * total, rel=1e-5)
    assert wide["gradients"] == pytest.approx(2 * half["gradients"], rel=1e-5)
    # the weights are the masters
    assert wide["optimizer"] == pytest.approx(8 * total, rel=1e-5)
    assert wide["activations"] == pytest.approx(2 * half["activations"])
    assert wide["logits"] == pytest.approx(2 * half["logits"])


def test_fully_sharded_weights_keep_two_layers_gathered() -> None:
    arch = load_model("llama-2-70b", CATALOGUE)
    found = memory(Job(arch, 4096, 64), one_layout(dp=64, zero=3))
    # the shards themselves are the 32-bit masters of the optimizer
    assert found["weights"] == pytest.approx(2 * 2 * (parameters(arch).total / 80), rel=0.02)


def test_pipeline_keeps_as_many_micro_batches_as_stages() -> None:
    arch, system = load_model("gpt-3-175b", CATALOGUE), CATALOGUE.system("hgx-h100")
    practice = practice_for(CATALOGUE, system)

    def activations(pp: int, vpp: int, batch: int) -> float:
        return memory(Job(arch, 2048, batch), one_layout(tp=8, pp=pp, vpp=vpp))["activations"]

    layer = held(Job(arch, 2048, 64), one_layout(tp=8), practice.stack)
    assert activations(8, 1, 64) == pytest.approx(96 * layer)
    # interleaved: 96 x (1 + 7 / (8 x 3)) (Korthikanti 2022, section 4.2.3)
    assert activations(8, 3, 64) == pytest.approx(96 * layer * (1 + 7 / 24))
    # two micro-batches are all there are
    assert activations(8, 1, 2) == pytest.approx(2 * 12 * layer)


def test_the_last_stage_can_be_the_fullest() -> None:
    """A large vocabulary on two stages: the last holds one micro-batch, the logits and the output projection."""
    arch = dataclasses.replace(load_model("llama-2-7b", CATALOGUE), vocab=512_000)
    found = memory(Job(arch, 4096, 64), one_layout(tp=8, pp=2))
    layer = held(Job(arch, 4096, 64), one_layout(tp=8), practice_for(CATALOGUE, CATALOGUE.system("hgx-h100")).stack)
    assert found["activations"] == pytest.approx(16 * layer)
    assert found["logits"] == pytest.approx((4096 * 512_000 * 4 + 2 * 512_000 * 4096) / 8)


def test_experts_are_sharded_over_expert_groups() -> None:
    arch = load_model("mixtral-8x7b", CATALOGUE)
    job = Job(arch, seq_len=4096, global_batch=64)
    whole, spread = (memory(job, one_layout(dp=8, ep=ep))["weights"] for ep in (1, 8))
    experts = sum(n * kind.experts for n, kind in zip(structure(arch).counts, parameters(arch).kinds, strict=True))
    assert whole - spread == pytest.approx(2 * experts * 7 / 8)
    # eight replicas of dense weights, one of each expert
    dense, expert = shard_degrees(one_layout(dp=8, ep=8))
    assert (dense[0], expert[0]) == (8, 1)


def test_full_recompute_keeps_layer_inputs_and_one_layer() -> None:
    arch, system = load_model("gpt-3-175b", CATALOGUE), CATALOGUE.system("hgx-h100")
    job, stack = Job(arch, 2048, 64), practice_for(CATALOGUE, system).stack
    first = 2 * 2048 * 12288 / 8
    found = memory(job, one_layout(tp=8, pp=8, recompute=2))
    assert found["activations"] == pytest.approx(96 * first)
    # one layer stands in full beside the inputs, and gradients of its inner width (4 h, in and out) and hidden states
    layer = held(job, one_layout(tp=8), stack)
    assert found["working"] == pytest.approx(layer - first + 2 * 2048 * 12288 * (2 * 4 / 8 + 2))
    # 4 of 12 layers are repeated, the others keep everything
    some = memory(job, one_layout(tp=8, pp=8, recompute=2, repeated_layers=4))
    assert some["activations"] == pytest.approx(8 * (4 * first + 8 * layer))


def test_recomputed_modules_free_what_they_hold() -> None:
    """Llama 2 70B at tp 8 with sequence parallelism: s b = 4096, h = 8192, f = 28672, 8 key-value heads of 128."""
    arch, stack = load_model("llama-2-70b", CATALOGUE), practice_for(CATALOGUE, CATALOGUE.system("hgx-h100")).stack
    job = Job(arch, 4096, 64)

    def kept(*modules: str) -> float:
        return held(job, one_layout(tp=8, recompute=1 if modules else 0, modules=module_bits(modules)), stack) / 512

    h, f = 8192, 28672
    whole = kept()
    # inputs and outputs of two norms; queries and output, keys and values; both inputs and the product of the MLP
    assert whole == pytest.approx(2 * (4 * h + 2 * h + 2 * 1024 + 3 * f))
    assert kept("layernorm") == pytest.approx(whole - 2 * 2 * h)
    assert kept("mlp") == pytest.approx(whole - 2 * 3 * f)
    assert kept("moe_act") == pytest.approx(whole - 2 * f)
    assert kept("mlp", "moe_act") == kept("mlp")
    assert kept("core_attn") == pytest.approx(whole)  # fused attention keeps no scores
    assert module_names(module_bits(("mlp", "layernorm"))) == ("layernorm", "mlp")


def by_operator(model: str, stack: str = "stack-fsdp-torch", **degrees: int) -> tuple[float, float]:
    """Elements of one token that a layer of 16 bits keeps, and those it makes again, by operator."""
    arch = load_model(model, CATALOGUE)
    layouts = one_layout(recompute=1, modules=module_bits(("operators",)), **degrees)
    practice = practice_for(CATALOGUE, CATALOGUE.system("hgx-h100"), stack)
    acts = layer_activations(Job(arch, 4096, 64), layouts, practice.stack)
    return acts.kept[-1, 0] / 4096 / 2, acts.repeated[-1, 0] / 4096 / 2


def test_recompute_by_operator_keeps_every_second_product() -> None:
    """Llama 3.1 8B: query, key, value, output, gate, up, down: the first, third, fifth are kept, the last needed by
    none; with a tensor group the message behind the output projection instead of its product."""
    h, keys, f = 4096, 1024, 14336
    # input; queries, values; attention's output; gate | second norm's input, two norms' outputs, keys, up, product
    assert by_operator("llama-3.1-8b") == pytest.approx((h + h + keys + h + f, h + 2 * h + keys + f + f))
    kept, again = by_operator("llama-3.1-8b", tp=2)
    assert (kept, again) == pytest.approx(((h + h) / 2 + (h + keys + h + f) / 2, (2 * h + keys + 2 * f) / 2))
    eager = by_operator("llama-3.1-8b", "stack-fsdp-torch; eager=on")[0]
    assert eager == pytest.approx(h + h + keys + h + f + h)


def test_recompute_by_operator_takes_part_of_a_forward_pass() -> None:
    """Its time lies between that of norms and activation functions and that of the whole layer."""
    job = Job(load_model("llama-3.1-8b", CATALOGUE), 4096, 64)
    practice = practice_for(CATALOGUE, CATALOGUE.system("hgx-h100"), "stack-fsdp-torch")
    found = {}
    for name, modules in (("some", ("layernorm", "moe_act")), ("by", ("operators",)), ("full", ())):
        layouts = one_layout(dp=8, zero=3, recompute=2 if name == "full" else 1, modules=module_bits(modules))
        found[name] = layer_time(job, layouts, practice, structure(job.arch).kinds[0])
    some, by, full = (float(time.recompute[0]) for time in found.values())
    assert some < by < full
    # key, output and up: 0.365 of the weights of a layer; all that goes through memory; no attention
    gemm, vector = (float(found["by"].forward[name][0]) for name in ("gemm", "vector"))
    assert by == pytest.approx(0.365 * gemm + vector, rel=0.05)


@pytest.mark.parametrize("model", ["deepseek-v3", "mixtral-8x7b", "qwen3-next-80b-a3b", "gpt-3-175b"])
def test_recompute_by_operator_of_any_layer(model: str) -> None:
    """Between none and full, whatever a layer holds; with its own modules named beside it nothing is kept twice."""
    arch, bits = load_model(model, CATALOGUE), module_bits(("operators",))
    stack = practice_for(CATALOGUE, CATALOGUE.system("hgx-h100")).stack
    with_norms = bits | module_bits(("layernorm", "moe_act"))
    choices = ((0, 0), (1, bits), (1, with_norms), (2, 0))
    none, by, same, full = (
        layer_activations(Job(arch, 2048, 64), one_layout(tp=2, ep=2, dp=2, recompute=r, modules=m), stack).kept
        for r, m in choices
    )
    assert (none > by).all()
    assert (by == same).all()
    assert (by > full).all()


def test_quantised_inputs_are_stored_narrower() -> None:
    arch, system = load_model("llama-2-70b", CATALOGUE), CATALOGUE.system("hgx-h100")
    job, layout = Job(arch, 4096, 64, precision="fp8"), one_layout(tp=8)
    stack = practice_for(CATALOGUE, system).stack
    # norm outputs, product of the MLP in one byte; attention's output in three: narrow for the projection, wide for
    # attention's backward pass, which recomputing the core frees
    narrow = held(job, layout, stack) / 512
    assert narrow == pytest.approx(
        held(dataclasses.replace(job, precision="bf16"), layout, stack) / 512 - 2 * 8192 - 28672 + 8192
    )
    core = one_layout(tp=8, recompute=1, modules=module_bits(("core_attn",)))
    assert held(job, core, stack) / 512 == pytest.approx(narrow - 2 * 8192)


def test_stages_of_given_layers() -> None:
    # DeepSeek-V3 as Megatron-Bridge lays it out: 16 chunks on 4 stages
    assert end_layers("Etttt|(tttt|)*14|tmL", 4) == (16, 13)
    assert end_layers("Et*4|(t*4|)*14tmL", 2) == (32, 29)
    assert end_layers("", 4) == end_layers("Et|tL", 3) == (0, 0)
    found = stage_layers(61, one_layout(pp=4, vpp=4, first_layers=16, last_layers=13))
    assert [float(v[0]) for v in found] == [16, 13, 16]


def test_some_layers_in_the_hosts_memory() -> None:
    arch, system = load_model("llama-2-70b", CATALOGUE), CATALOGUE.system("hgx-h100")
    practice = practice_for(CATALOGUE, system, offload=("activations",))
    assert practice.host is not None
    job, layout = Job(arch, 4096, 64), one_layout(dp=64, zero=3)

    def activations(layers: float) -> float:
        host = dataclasses.replace(practice.host, layers=layers)  # type: ignore[type-var]  # not None
        return float(
            step_memory(job, system, layout, practice=dataclasses.replace(practice, host=host))["activations"][0]
        )

    layer = held(job, layout, practice.stack)
    assert activations(0) == pytest.approx(2 * layer)
    assert activations(20) == pytest.approx((60 + 2) * layer)


def test_the_405b_reference_layouts_fit_where_they_ran() -> None:
    """NVIDIA's 405B recipe ran on 512 H100 of 80 GB with tp 8, pp 8 x 8, cp 2, micro-batch 1."""
    arch = load_model("llama-3.1-405b", CATALOGUE)
    found = memory(Job(arch, 8192, 256), one_layout(tp=8, pp=8, vpp=8, cp=2, dp=4))
    assert 60e9 < sum(found.values()) < CATALOGUE.system("hgx-h100").accelerator.hbm_bytes


def test_stack_decides_the_width_of_gradients() -> None:
    arch = load_model("llama-2-7b", CATALOGUE)
    total, layer = parameters(arch).total, parameters(arch).kinds[0].total
    job, layout = Job(arch, 4096, 64), one_layout(dp=8)
    core, lm, torch = (
        memory(job, layout, stack=f"stack-{name}")["gradients"]
        for name in ("megatron-core", "megatron-lm", "fsdp-torch")
    )
    assert core == pytest.approx(2 * (total + layer), rel=1e-5)
    assert lm == pytest.approx(4 * total + 2 * layer, rel=1e-5)
    # 16-bit ones of all weights stand beside the 32-bit ones where the multiply does not add to these
    assert torch == pytest.approx((4 + 2) * total, rel=1e-5)


def switched(features: str, stack: str = "stack-fsdp-torch") -> Stack:
    return practice_for(CATALOGUE, CATALOGUE.system("hgx-h100"), f"{stack}; {features}").stack


def test_operators_one_by_one_keep_copies() -> None:
    """32-bit copies of what norms take in (two a layer), and the gate's own output."""
    job, layout = Job(load_model("llama-2-7b", CATALOGUE), 1304, 1), one_layout()
    more = held(job, layout, switched("eager=on")) - held(job, layout, switched("eager=off"))
    assert more == pytest.approx(1304 * (2 * 4 * 4096 + 2 * 11008))


def test_scores_that_go_through_memory_one_by_one() -> None:
    job, layout = Job(load_model("llama-2-7b", CATALOGUE), 2048, 1), one_layout()
    fused, apart = (held(job, layout, switched(f"fused_attention={word}")) for word in ("on", "off"))
    assert apart - fused == pytest.approx(2 * 32 * 2048**2)
    eager = held(job, layout, switched("fused_attention=off; eager=on")) - held(job, layout, switched("eager=on"))
    assert eager == pytest.approx((2 + 4) * 32 * 2048**2)


@pytest.mark.parametrize(("loss", "width"), [("plain", 14), ("compiled", 8), ("chunked", 4.2), ("tiled", 0.2)])
def test_losses_hold_what_was_measured(loss: str, width: float) -> None:
    """arXiv 2411.09009, table 1: 8,192 tokens of 256,000 words took 28, 16, 9.6 - 1.2 and 1.5 - 1.2 GiB."""
    assert switched(f"loss={loss}").logit_bytes == width
    job = Job(load_model("llama-3.1-8b", CATALOGUE), seq_len=8192, global_batch=8)
    parts = memory(job, one_layout(dp=8, zero=3, recompute=2), stack=f"stack-fsdp-torch; loss={loss}")
    if loss == "tiled":
        assert parts["logits"] == 0.0, "a layer's own backward pass is more"
    else:
        assert parts["logits"] == pytest.approx(8192 * 128256 * width + 2 * 128256 * 4096)


def test_worst_case_buffers_take_what_all_ranks_send() -> None:
    job = Job(load_model("mixtral-8x7b", CATALOGUE), seq_len=4096, global_batch=64)
    layout = one_layout(ep=8, dp=8)
    even = layer_activations(job, layout, dataclasses.replace(old_stack(), expert_imbalance=1.0))
    worst = layer_activations(job, layout, dataclasses.replace(old_stack(), expert_imbalance=1.0, worst_buffers=True))
    # of the routed pairs: what experts take in, both inputs of the activation function, its product
    pairs = 2 * 4096
    more = 7 * pairs * (2 * 4096 + 3 * 2 * 14336)
    assert float(worst.kept[0, 0] - even.kept[0, 0]) == pytest.approx(more)
    assert float(worst.working[0, 0]) > 7 * float(even.working[0, 0])


def test_deepspeed_keeps_narrow_shards_and_buckets() -> None:
    """Its estimators: 18 bytes of sharded states a parameter, 16-bit gradients; a billion parameters whole."""
    arch = load_model("llama-2-7b", CATALOGUE)
    total = parameters(arch).total
    job = Job(arch, seq_len=2048, global_batch=8)
    parts = memory(job, one_layout(dp=8, zero=3, recompute=2), stack="stack-deepspeed")
    assert parts["optimizer"] == pytest.approx(16 * total / 8, rel=1e-4)
    assert parts["weights"] == pytest.approx(2 * total / 8 + 2e9, rel=1e-4)
    by_two = memory(job, one_layout(dp=8, zero=2, recompute=2), stack="stack-deepspeed")
    other = memory(job, one_layout(dp=8, zero=2, recompute=2), stack="stack-deepspeed; bucket_bytes=0")
    assert by_two["gradients"] - other["gradients"] == pytest.approx(2e9)
    assert {n: v for n, v in by_two.items() if n not in ("gradients", "reserve")} == pytest.approx(
        {n: v for n, v in other.items() if n not in ("gradients", "reserve")}
    )


def test_a_stage_may_keep_its_output() -> None:
    job = Job(load_model("megatron-175b", CATALOGUE), 2048, 64)
    layout = one_layout(tp=8, pp=8, dp=1, recompute=2, sequence_parallel=False)
    first, second = (memory(job, layout, "hgx-a100", stack) for stack in ("stack-megatron-2021", "stack-megatron-2022"))
    # 12 layers' inputs and the stage's output of 8 micro-batches in flight; the last stage hands nothing on
    unit = 2 * 2048 * 12288
    assert first["activations"] == pytest.approx(8 * 13 * unit)
    assert second["activations"] == pytest.approx(8 * 12 * unit)


def test_layers_that_are_repeated_together_keep_one_input() -> None:
    """Megatron-Core's uniform method: a quarter of the inputs of full recompute, four layers at a time in the backward
    pass."""
    job, stack = Job(load_model("megatron-175b", CATALOGUE), 2048, 64), old_stack()
    alone, four = (layer_activations(job, one_layout(tp=8, recompute=2, group_layers=group), stack) for group in (1, 4))
    assert float(four.kept[0, 0]) == pytest.approx(float(alone.kept[0, 0]) / 4)
    first = float(alone.kept[0, 0])
    assert float(four.repeated[0, 0]) + first == pytest.approx(4 * (float(alone.repeated[0, 0]) + first))


def test_a_7b_model_in_32_bits_takes_60_gb() -> None:
    """Case F16 (DeepSpeed issues 3442, 5102): 39 GB were said, those of 16 bits."""
    job = Job(load_model("llama-2-7b", CATALOGUE), seq_len=2048, global_batch=64, precision="fp32")
    assert sum(memory(job, one_layout(dp=8, zero=2)).values()) == pytest.approx(60e9, rel=0.02)


def test_deepseek_v3_keeps_and_repeats_what_its_report_says() -> None:
    """arXiv 2412.19437, sections 3.2.3 and 3.3.3: SwiGLU's inputs in 8 bits, attention's output once in 12, norms,
    MLA's up-projections and SwiGLU's output repeated, moments in 16 bits; nothing is narrower in 16-bit training."""
    arch = load_model("deepseek-v3", CATALOGUE)
    stack = practice_for(CATALOGUE, CATALOGUE.system("hgx-h100"), "stack-dualpipe").stack
    assert stack.optimizer == "adam-bf16"
    job, layout = Job(arch, 4096, 64, precision="fp8"), one_layout(ep=64, dp=64, recompute=1)
    plain = dataclasses.replace(stack, narrow_inner=False, attention_kept_bytes=0.0)
    narrow, wide = (layer_activations(job, layout, s).kept[-1, 0] for s in (stack, plain))
    inner = 4096 * (8 * stack.expert_imbalance + 1) * 2048
    assert wide - narrow == pytest.approx(2 * inner + (3.0 - 1.5) * 4096 * 128 * 128)
    usual = dataclasses.replace(stack, recomputed=())
    named = one_layout(ep=64, dp=64, recompute=1, modules=module_bits(("layernorm", "mla_up_proj", "moe_act")))
    cases = ((layout, stack), (named, usual), (layout, usual))
    said, same, less = (layer_activations(job, choice, s).kept[-1, 0] for choice, s in cases)
    assert said == same < less
    wider = Job(arch, 4096, 64)
    as_usual, as_plain = (layer_activations(wider, layout, s).kept.tolist() for s in (stack, plain))
    assert as_usual == as_plain


def test_norms_in_16_bits_keep_no_32_bit_copies() -> None:
    stack = practice_for(CATALOGUE, CATALOGUE.system("hgx-h100"), "stack-llm-foundry").stack
    assert stack.eager
    assert stack.narrow_norms
    job = Job(load_model("llama-2-7b", CATALOGUE), 2048, 64)
    layout = one_layout(micro_batch=4)
    narrow, wide = (
        layer_activations(job, layout, s).kept for s in (stack, dataclasses.replace(stack, narrow_norms=False))
    )
    # a norm before attention and one before the MLP
    assert (wide - narrow).tolist() == [[4.0 * 2 * 4 * job.seq_len * job.arch.hidden]]
