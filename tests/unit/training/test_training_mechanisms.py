"""What stacks do about messages, gradients, experts and frozen weights."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.hardware import LinkKernel
from megawatt.training import Job, Practice, StepCost, one_layout, practice_for, step_cost, step_memory
from megawatt.training.dispatch import distinct_places
from megawatt.workload import ModelArch, load_model, model_flops_per_token, parameters, trained_share

CATALOGUE = load_catalogue()
SYSTEM = CATALOGUE.system("hgx-h100")
PRACTICE = practice_for(CATALOGUE, SYSTEM)


def with_stack(**changes: object) -> Practice:
    return dataclasses.replace(PRACTICE, stack=dataclasses.replace(PRACTICE.stack, **changes))  # type: ignore[arg-type]


def cost(arch: ModelArch, practice: Practice = PRACTICE, batch: int = 64, **layout: int) -> StepCost:
    return step_cost(Job(arch, 4096, batch), SYSTEM, one_layout(**layout), practice=practice)


def test_backward_messages_hide_behind_weight_gradients() -> None:
    arch = load_model("llama-3.1-405b", CATALOGUE)
    plain = cost(arch, with_stack(tp_overlap_frac=0.0, tp_async_backward=False), tp=8).parts_s["tp"][0]
    hidden = cost(arch, with_stack(tp_overlap_frac=0.0, tp_async_backward=True), tp=8).parts_s["tp"][0]
    # forward 2 pairs, backward 3 (the inputs once more); of the backward's, two thirds hide: 5 -> 3
    assert hidden == pytest.approx(plain * 3 / 5, rel=1e-6)


def test_fused_accumulation_saves_the_traffic_of_gradients() -> None:
    arch = load_model("llama-2-7b", CATALOGUE)
    separate = cost(arch, with_stack(gradient_fused=False), dp=8).parts_s["vector"][0]
    fused = cost(arch, with_stack(gradient_fused=True), dp=8).parts_s["vector"][0]
    # 8 micro-batches: fresh gradients of 2 bytes of the weights of 32 layers are not read again
    weights = 32 * (parameters(arch).kinds[0].total - parameters(arch).kinds[0].norms)
    assert separate - fused == pytest.approx(8 * 2 * weights / PRACTICE.kernels.hbm_flow_bytes_per_s, rel=1e-6)


def test_places_of_the_experts_of_a_token() -> None:
    # 8 experts spread evenly over 8 nodes: 8 (1 - (7/8)^8) = 5.25 nodes
    assert distinct_places(8.0, np.array([8.0]))[0] == pytest.approx(5.2512, rel=1e-4)
    assert distinct_places(8.0, np.array([1.0]))[0] == 1.0
    assert distinct_places(1.0, np.array([4.0]))[0] == 1.0


def test_dispatchers_take_different_paths() -> None:
    arch = load_model("deepseek-v3", CATALOGUE)

    def exchange(dispatcher: str, ranks: int) -> float:
        stack = with_stack(dispatcher=dispatcher, ep_overlap=False, dispatch_across_frac=0.8, dispatch_inside_frac=0.6)
        return float(cost(arch, stack, dp=ranks, ep=ranks, recompute=0).parts_s["ep"][0])

    # 58 layers, four ways; over eight nodes a token is on four of them (4 of 8 groups), 3.6 copies of it, 7/8
    # of them elsewhere, at 0.8 of an adapter
    layers = 58
    copies = 4 * (1 - 0.75**8)
    crossing = 4096 * 7168 * 2 * copies * 7 / 8 / (0.8 * 50e9)
    assert exchange("deepep", 64) == pytest.approx(4 * layers * crossing, rel=0.03)
    assert exchange("alltoall", 64) > 1.3 * exchange("deepep", 64)
    # inside one node: one copy per rank of the four that hold such groups
    inside = 8 * 4096 * 7168 * 2 * copies / (0.6 * 450e9)
    assert exchange("hybridep", 8) == pytest.approx(4 * layers * inside, rel=0.03)


def test_overlap_hides_a_share_of_the_exchange() -> None:
    arch = load_model("deepseek-v3", CATALOGUE)
    off, on = (
        cost(arch, with_stack(dispatcher="deepep", ep_overlap=flag, ep_overlap_frac=0.5), dp=8, ep=8).parts_s["ep"][0]
        for flag in (False, True)
    )
    assert on == pytest.approx(0.5 * off)


def test_graphs_take_launches_from_the_host() -> None:
    arch = load_model("qwen3-30b-a3b", CATALOGUE)
    graphs = ((), ("router",), ("attn", "router"), ("full",))
    waits = [
        float(cost(arch, with_stack(host_operator_s=1e-3, graphs=g), dp=8, ep=8).parts_s["host"][0]) for g in graphs
    ]
    assert waits[0] > waits[1] > waits[2] > waits[3] == 0.0


def test_biases_of_experts_cost_memory_traffic() -> None:
    arch = load_model("gpt-oss-120b", CATALOGUE)
    free, unfused = (cost(arch, with_stack(expert_bias_bytes=x), dp=8, ep=8).parts_s["vector"][0] for x in (0.0, 40.0))
    # one sequence a chip and step of 8 micro-batches: 4,096 tokens, 4 experts, 2,880 + 2 x 2,880 elements, both ways
    more = 8 * 36 * 2 * 40 * 4096 * 4 * 3 * 2880 / PRACTICE.kernels.hbm_flow_bytes_per_s
    assert unfused - free == pytest.approx(more, rel=1e-6)


def test_the_busiest_expert_rank_sets_the_pace() -> None:
    arch = load_model("mixtral-8x7b", CATALOGUE)
    even, skewed = (cost(arch, with_stack(expert_imbalance=x), dp=8, ep=8).parts_s for x in (1.0, 1.5))
    assert skewed["ep"][0] > 1.4 * even["ep"][0]
    assert skewed["experts"][0] > 1.3 * even["experts"][0]
    # one rank with all the experts has no busier one
    alone = [cost(arch, with_stack(expert_imbalance=x), dp=8).parts_s["experts"][0] for x in (1.0, 1.5)]
    assert alone[0] == alone[1]


def test_frozen_weights_by_hand() -> None:
    whole = load_model("llama-2-70b", CATALOGUE)
    arch = dataclasses.replace(whole, lora_rank=16)
    # per layer: 8192 -> 16 -> (64 + 2 x 8) x 128 and 8192 -> 16 -> 8192
    adapters = 80 * 16 * (8192 + 10240 + 8192 + 8192)
    assert trained_share(arch) * parameters(arch).total == pytest.approx(adapters)
    assert trained_share(whole) == 1.0
    matrices = parameters(whole).total - parameters(whole).embedding - 80 * parameters(whole).kinds[0].norms - 8192
    attention = model_flops_per_token(whole, 4096) - 6 * matrices
    assert model_flops_per_token(arch, 4096) == pytest.approx(4 * matrices + 6 * adapters + attention)


def test_frozen_weights_save_memory_time_and_exchange() -> None:
    whole = load_model("llama-2-70b", CATALOGUE)
    arch = dataclasses.replace(whole, lora_rank=16)
    jobs = (Job(whole, 8192, 8), Job(arch, 8192, 8))
    all_of_it, frozen = (step_memory(j, SYSTEM, one_layout(tp=4, dp=2), practice=PRACTICE) for j in jobs)
    assert frozen["weights"][0] == all_of_it["weights"][0]
    assert frozen["optimizer"][0] == pytest.approx(trained_share(arch) * all_of_it["optimizer"][0])
    assert frozen["gradients"][0] < 0.01 * all_of_it["gradients"][0]
    slow, fast = (cost(a, batch=8, tp=4, dp=2).parts_s for a in (whole, arch))
    # two thirds of the multiplies are left, forward and input gradients, and the thin ones of the adapters
    assert 2 / 3 * slow["gemm"][0] < fast["gemm"][0] < 0.72 * slow["gemm"][0]
    assert fast["dp"][0] < 0.05 * slow["dp"][0] + 1e-3
    assert fast["optimizer"][0] < 0.01 * slow["optimizer"][0]


def test_sharded_gradients_are_scattered_for_every_micro_batch() -> None:
    arch = load_model("llama-2-7b", CATALOGUE)
    plain = LinkKernel(4.5e11, 0.0, 0.0, 1e30, 0.0, 1.0, 0.8, 0.8, 0.8, 0.8)
    by_level = dataclasses.replace(PRACTICE.fabric, kernels=(plain, PRACTICE.fabric.kernels[1]))
    bare = dataclasses.replace(with_stack(dp_overlap_frac=0.0, gradient_exchange_bytes=2.0), fabric=by_level)
    once, each = (cost(arch, bare, dp=8, zero=zero).parts_s for zero in (1, 2))
    assert once["shard"][0] == 0.0
    # 8 micro-batches: scatter of 2 bytes of 6.7e9 parameters at 360 GB/s
    assert each["shard"][0] == pytest.approx(8 * 7 / 8 * 2 * 6.738e9 / 360e9, rel=0.01)


def test_deepep_is_slower_among_many_ranks_of_one_domain() -> None:
    arch = load_model("deepseek-v3", CATALOGUE)
    system = CATALOGUE.system("gb200-nvl72")

    def exchange(dispatcher: str, ranks: int) -> float:
        practice = practice_for(CATALOGUE, system, f"megatron-core; dispatcher={dispatcher}; ep_overlap=off")
        found = step_cost(Job(arch, 4096, 64), system, one_layout(dp=ranks, ep=ranks), practice=practice)
        return float(found.parts_s["ep"][0])

    assert exchange("deepep", 16) == pytest.approx(exchange("hybridep", 16))
    # 0.6 against 0.29 of the links
    assert exchange("deepep", 32) == pytest.approx(exchange("hybridep", 32) * 0.6 / 0.29)


def test_copies_per_expert_are_sorted_by_their_receiver() -> None:
    arch = load_model("deepseek-v3", CATALOGUE)
    layout = one_layout(dp=64, ep=64)
    slow = dataclasses.replace(PRACTICE.kernels, hbm_flow_bytes_per_s=PRACTICE.kernels.hbm_flow_bytes_per_s / 2)
    stack = dataclasses.replace(PRACTICE.stack, dispatcher="alltoall", ep_overlap=False)
    times = [
        step_cost(
            Job(arch, 4096, 64), SYSTEM, layout, practice=dataclasses.replace(PRACTICE, stack=stack, kernels=kernels)
        ).parts_s["ep"][0]
        for kernels in (PRACTICE.kernels, slow)
    ]
    # 58 layers and that of the second next token; forward and backward, dispatch and combine, read and written: 16 bits
    moved = 59 * 2 * 2 * 2 * 4096 * 8 * 7168 * 2
    assert times[1] - times[0] == pytest.approx(moved / PRACTICE.kernels.hbm_flow_bytes_per_s, rel=1e-6)


def test_the_host_adds_where_it_reads_how_many_tokens_every_expert_got() -> None:
    arch = load_model("deepseek-v3", CATALOGUE)
    layout = {"dp": 8, "ep": 8, "recompute": 0}

    def host(**said: object) -> float:
        return float(cost(arch, with_stack(host_operator_s=1e-6, **said), **layout).parts_s["host"][0])

    busy_chip = host(host_exposed_frac=0.0)
    # the chip is busy for longer than the host: nothing of the host's time shows, or the given share of it
    assert busy_chip == 0.0
    half, whole = (host(host_exposed_frac=share) for share in (0.5, 1.0))
    assert half > 0.0
    assert whole == pytest.approx(2.0 * half)
    assert host(host_exposed_frac=1.0, dropless=False) == 0.0
    # Another micro-batch beside it hides the exchange, not the host.
    assert host(host_exposed_frac=1.0, ep_overlap=True) > 0.9 * whole


def test_groups_of_experts_bound_the_places_of_a_token() -> None:
    nodes = np.array([1.0, 4.0, 8.0, 16.0])
    # four of eight groups: over four nodes of two each 4 (1 - C(6, 4) / C(8, 4)) = 3.14, over eight 4, over sixteen 8
    reached = np.array([1.0, 4 * (1 - 15 / 70), 4.0, 8.0])
    expected = reached * (1 - (1 - 1 / reached) ** 8)
    assert distinct_places(8.0, nodes, (8, 4)) == pytest.approx(expected)
    assert distinct_places(8.0, nodes) == pytest.approx(nodes * (1 - (1 - 1 / nodes) ** 8))


@pytest.mark.parametrize("dispatcher", ["alltoall", "deepep", "hybridep"])
def test_a_step_knows_rails_from_an_oversubscribed_tree(dispatcher: str) -> None:
    """The same leaf switches of 32 ports, 3 : 1 oversubscribed: 32 neighbouring chips, or one place of 32 nodes."""

    def parts(model: str, topology: str, over: float = 3.0, **layout: int) -> dict[str, float]:
        leaf = 256.0 if topology == "rail" else 32.0
        tree = dataclasses.replace(SYSTEM.links[-1], topology=topology, leaf_chips=leaf, oversubscription=over)
        system = dataclasses.replace(SYSTEM, links=(*SYSTEM.links[:-1], tree))
        stack = f"stack-megatron-core; dispatcher={dispatcher}"
        job, practice = Job(load_model(model, CATALOGUE), 4096, 1024), practice_for(CATALOGUE, system, stack)
        found = step_cost(job, system, one_layout(**layout), practice=practice).parts_s
        return {name: float(found[name][0]) for name in ("tp", "dp", "ep")}

    # Along rails, four nodes below a leaf of the tree: one of four sends on, which 3 : 1 leaves room for.
    dense = {"tp": 8, "dp": 128, "zero": 1}
    assert parts("llama-3.1-8b", "rail", **dense) == pytest.approx(parts("llama-3.1-8b", "fat-tree", **dense))
    # Experts on eight nodes: below one leaf on rails, on two leaves of the tree.
    mixture = {"dp": 1024, "ep": 64, "zero": 1}
    rail, tree = (parts("deepseek-v3", topology, **mixture)["ep"] for topology in ("rail", "fat-tree"))
    assert tree > 1.3 * rail
    assert parts("deepseek-v3", "rail", 1.0, **mixture)["ep"] == pytest.approx(rail)
    # NCCL's messages for other rails go over NVLink first, nine times as fast as the network that they wait for.
    assert parts("deepseek-v3", "fat-tree", 1.0, **mixture)["ep"] == pytest.approx(rail)
