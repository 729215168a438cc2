"""Launch files of each framework: what is read, what is said of the rest, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.cli.entry import main
from megawatt.errors import ScenarioError
from megawatt.launch import Launch, ask, asked, is_launch, launch_of, read_launch, said_of, write_launch
from megawatt.launch.options import read_options
from megawatt.training import CODES, Job, Setup, module_bits, module_names, one_layout, plan, read_features
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
FILES = Path(__file__).parent / "files"


def read(name: str | Path, model: str, system: str) -> Launch:
    return read_launch(FILES / name, load_model(model, CATALOGUE), CATALOGUE.system(system), CATALOGUE)


def test_a_megatron_script_with_variables_and_arrays() -> None:
    found = read("pretrain_70b.sh", "llama-3.1-70b", "hgx-h100")
    assert (found.framework, found.stack, found.devices) == ("megatron", "stack-megatron-core", 64)
    assert (found.seq_len, found.global_batch, found.precision) == (8192, 128, "fp8")
    assert {n: v for n, v in found.layout.items() if v} == {
        "tp": 4, "pp": 8, "vpp": 5, "cp": 1, "ep": 1, "etp": 1, "micro_batch": 1, "zero": 1, "recompute": 1,
        "sequence_parallel": 1,
    }  # fmt: skip
    assert found.unknown == ("moe_magic_overlap='3'",)
    assert found.ignored < 8
    other = load_model("llama-2-7b", CATALOGUE)
    assert any("layers = 80, llama-2-7b has 32" in note for note in said_of(found, other))


def test_torchtitan_s_toml() -> None:
    found = read("train_8b.toml", "llama-3.1-8b", "hgx-h100")
    assert (found.framework, found.stack, found.devices, found.precision) == (
        "torchtitan",
        "stack-fsdp-torch",
        64,
        "fp8",
    )
    wanted = {"dp": 64, "zero": 3, "zero_group": 32, "micro_batch": 2, "recompute": 1, "tp": 1, "pp": 1}
    assert wanted.items() <= dict(found.layout).items()
    assert (found.global_batch, found.seq_len) == (128, 8192)
    assert found.unknown == ("parallelism.enable_async_magic_parallel=True",)


def test_deepspeed_s_json() -> None:
    found = read("ds_zero3.json", "llama-2-7b", "hgx-h100")
    assert (found.framework, found.devices, found.offload, found.seq_len) == ("deepspeed", 32, ("optimizer",), None)
    assert {"dp": 32, "zero": 3, "micro_batch": 2}.items() <= dict(found.layout).items()
    assert found.unknown == ("zero_optimization.zero_hpz_partition_size=8",)


def test_maxtext_s_yaml_with_an_open_axis() -> None:
    found = read("maxtext_70b.yml", "llama-3.1-70b", "tpu-v5p-pod")
    assert (found.framework, found.devices, found.global_batch) == ("maxtext", 64, 128)
    wanted = {"tp": 4, "dp": 16, "zero": 3, "micro_batch": 8, "recompute": 2}
    assert wanted.items() <= dict(found.layout).items()


def test_nxd_s_yaml_counts_cores() -> None:
    found = read("nxd_8b.yaml", "llama-3.1-8b", "trn1-node")
    assert (found.framework, found.devices, found.precision) == ("nxd", 64, "bf16")
    assert {"tp": 16, "zero": 1, "sequence_parallel": 1, "recompute": 1}.items() <= dict(found.layout).items()
    assert any("2 a chip" in note for note in found.notes)


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("--tensor-model-parallel-size=2 --bf16", {"tp": 2}),
        (
            "--pipeline-model-parallel-size 4 --num-layers-per-virtual-pipeline-stage 2 --num-layers 32",
            {"pp": 4, "vpp": 4},
        ),
        ("--use-megatron-fsdp --data-parallel-sharding-strategy optim_grads", {"zero": 2}),
        (
            "--recompute-granularity full --recompute-method uniform --recompute-num-layers 4",
            {"recompute": 2, "group_layers": 4, "repeated_layers": 0},
        ),
        ("--recompute-activations", {"recompute": 1}),
        ("--context-parallel-size 4 --cp-comm-type a2a", {"cp": 4, "cp_exchange": 1}),
        ("--num-experts 64 --expert-model-parallel-size 8 --tensor-model-parallel-size 2", {"ep": 8, "etp": 2}),
        ("--expert-model-parallel-size 8 --expert-tensor-parallel-size 1 --tensor-model-parallel-size 2", {"etp": 1}),
        ("--enable-zero-bubble --pipeline-model-parallel-size 4", {"schedule": CODES["zb-h1"]}),
        (
            "torchrun --nnodes 4 --nproc_per_node 8 train.py --use-distributed-optimizer "
            "--num-distributed-optimizer-instances 4",
            {"zero": 1, "zero_group": 8},
        ),
        ("--decoder-first-pipeline-num-layers 6 --pipeline-model-parallel-size 4", {"first_layers": 6}),
    ],
)
def test_arguments_of_megatron(tmp_path: Path, text: str, wanted: dict[str, int]) -> None:
    found = read(put(tmp_path, "args.txt", text), "llama-2-7b", "hgx-h100")
    assert wanted.items() <= dict(found.layout).items()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            'pipeline_parallel_degree = 4\npipeline_parallel_schedule = "Interleaved1F1B"',
            {"pp": 4, "vpp": 2, "zero": 2},
        ),
        ('pipeline_parallel_degree = 2\npipeline_parallel_schedule = "ZBVZeroBubble"', {"schedule": CODES["zb-v"]}),
        ("data_parallel_shard_degree = 1\ndata_parallel_replicate_degree = 8", {"zero": 0, "dp": 8}),
        ('mode = "selective"\nselective_ac_option = "2"', {"recompute": 2, "repeated_layers": 16}),
        ('mode = "selective"\nselective_ac_option = "op"', {"recompute": 1, "modules": module_bits(("operators",))}),
        ("tensor_parallel_degree = 8", {"tp": 8, "zero": 3, "recompute": 2, "repeated_layers": 16}),
        ("tensor_parallel_degree = 8", {"tp": 8, "sequence_parallel": 1, "zero": 3}),
        (
            'pipeline_parallel_degree = 4\npipeline_parallel_schedule = "Interleaved1F1B"\n'
            "pipeline_parallel_layers_per_stage = 2",
            {"vpp": 4},
        ),
    ],
)
def test_parallelism_of_torchtitan(tmp_path: Path, text: str, wanted: dict[str, int]) -> None:
    # Llama 2 7B has 32 layers: with one less at either end 34 places, in stages of two 17 stages
    found = read(put(tmp_path, "a.toml", f"[parallelism]\n{text}\n"), "llama-2-7b", "hgx-h100")
    assert wanted.items() <= dict(found.layout).items()


def test_which_framework_a_file_is_of(tmp_path: Path) -> None:
    kinds = {
        "a.sh": ("python3 -m MaxText.train base.yml ici_fsdp_parallelism=64 per_device_batch_size=1", "maxtext"),
        "b.sh": ("torchrun train.py --parallelism.tensor_parallel_degree 2", "torchtitan"),
        "c.sh": ("python pretrain.py --tensor-model-parallel-size 2", "megatron"),
        "d.yaml": ("model:\n  tensor_model_parallel_size: 2\n", "megatron"),
        "e.yaml": ("distributed_strategy:\n  tensor_model_parallel_size: 2\n", "nxd"),
        "f.yml": ("ici_fsdp_parallelism: 4\n", "maxtext"),
    }
    for name, (text, kind) in kinds.items():
        assert read_options(put(tmp_path, name, text))[0] == kind
    assert is_launch("args.sh")
    assert not is_launch("tp=8")
    assert not is_launch("")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.sh", "--tensor-model-parallel-size two", "tensor_model_parallel_size = 'two'; allowed: a number"),
        ("a.sh", "--tensor-model-parallel-size 0", "tp = 0; allowed: 1 or more"),
        ("a.sh", "--recompute-granularity all", "recompute_granularity = 'all'; allowed: selective, full"),
        ("a.sh", "--sequence-parallel maybe", "sequence_parallel = 'maybe'; allowed: true, false"),
        ("a.sh", "# nothing", "no options"),
        ("a.toml", "parallelism = [", "not TOML"),
        ("a.json", '{"zero_optimization": {"stage": 2.5}}', "a whole number"),
        ("a.yaml", "a: &x [1]\nb: !!python/object:os.system {}\n", "not YAML"),
        ("a.yaml", "- 1\n", "names with values"),
        ("a.yaml", "a: 1\na: 2\n", "not YAML"),
        ("a.yml", "ici_fsdp_parallelism: -1\nici_data_parallelism: -1\n", "-1; allowed: one of them"),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        read(put(tmp_path, name, text), "llama-2-7b", "hgx-h100")


def test_a_yaml_bomb_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(ScenarioError, match="too many values"):
        read(put(tmp_path, "bomb.yaml", "\n".join(lines)), "llama-2-7b", "hgx-h100")


def test_cores_that_are_no_whole_chips(tmp_path: Path) -> None:
    text = (FILES / "nxd_8b.yaml").read_text(encoding="utf-8").replace("devices: 32", "devices: 31")
    with pytest.raises(ScenarioError, match="no whole number of chips"):
        read(put(tmp_path, "odd.yaml", text.replace("num_nodes: 4", "num_nodes: 1")), "llama-3.1-8b", "trn1-node")


def test_what_is_given_counts_before_the_file() -> None:
    found = read("pretrain_70b.sh", "llama-3.1-70b", "hgx-h100")
    nothing: dict[str, Any] = dict.fromkeys(("seq_len", "global_batch", "precision", "stack"))
    nothing |= {"chips": "", "offload": (), "lora_rank": 0}
    assert asked(found, **nothing)["seq_len"] == 8192
    said = asked(found, **nothing | {"seq_len": 4096, "chips": "128", "precision": "bf16"})
    assert (said["seq_len"], said["chips"], said["precision"], said["global_batch"]) == (4096, "128", "bf16", 128)
    with pytest.raises(ScenarioError, match="--chips: not given"):
        asked(None, **nothing)


def test_what_a_framework_has_no_words_for_is_named() -> None:
    system = CATALOGUE.system("hgx-h100")
    job = Job(load_model("llama-2-7b", CATALOGUE), 4096, 64)
    layout = one_layout(tp=2, pp=4, dp=4, schedule=CODES["dualpipe"], first_layers=6)
    found = plan(job, system, 32, catalogue=CATALOGUE, layouts=layout)
    lost = {
        name: write_launch(launch_of(found, name, CATALOGUE, system))[1] for name in ("megatron", "torchtitan", "nxd")
    }
    assert lost["megatron"] == ("schedule 4",)
    assert set(lost["torchtitan"]) >= {"schedule", "first_layers", "zero 1"}
    assert set(lost["nxd"]) >= {"schedule", "first_layers"}
    with pytest.raises(ScenarioError, match="allowed: megatron, torchtitan"):
        write_launch(launch_of(found, "caffe", CATALOGUE, system))


def test_train_reads_and_writes_launch_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "again.sh"
    words = ["train", "llama-3.1-70b", "--system", "hgx-h100", "--layout", str(FILES / "pretrain_70b.sh"), "--top", "1"]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--write-launch", "megatron", str(out)])
    assert not stop.value.code
    printed = capsys.readouterr().out
    assert "not understood: moe_magic_overlap" in " ".join(printed.split())
    first, again = (read(path, "llama-3.1-70b", "hgx-h100") for path in (FILES / "pretrain_70b.sh", out))
    assert dict(first.layout).items() <= dict(again.layout).items()
    assert (first.seq_len, first.global_batch, first.precision) == (again.seq_len, again.global_batch, again.precision)


def test_files_that_leave_the_devices_open_take_the_chips_that_are_asked_for(tmp_path: Path) -> None:
    model = load_model("llama-2-7b", CATALOGUE)
    (tmp_path / "t.toml").write_text(
        "[training]\nlocal_batch_size = 3\n[parallelism]\ntensor_parallel_degree = 2\n"
        "data_parallel_replicate_degree = 2\ndata_parallel_shard_degree = -1\n"
    )
    found = read_launch(tmp_path / "t.toml", model, CATALOGUE.system("hgx-h100"), CATALOGUE, "32")
    assert {"dp": 16, "zero": 3, "zero_group": 8, "micro_batch": 3}.items() <= dict(found.layout).items()
    assert found.global_batch == 48
    (tmp_path / "m.yml").write_text("ici_fsdp_parallelism: -1\nici_tensor_parallelism: 2\nper_device_batch_size: 4\n")
    found = read_launch(tmp_path / "m.yml", model, CATALOGUE.system("tpu-v5p-pod"), CATALOGUE, "16")
    assert {"dp": 8, "tp": 2, "micro_batch": 8}.items() <= dict(found.layout).items()
    assert (found.global_batch, found.notes) == (64, ())
    swept = read_launch(tmp_path / "m.yml", model, CATALOGUE.system("tpu-v5p-pod"), CATALOGUE, "16..64")
    assert swept.global_batch is None


@pytest.mark.parametrize(
    ("name", "text"), [("machine.toml", 'like = "hgx-h100"\n'), ("answer.json", '{"megawatt": "0.1.0", "results": []}')]
)
def test_files_of_another_kind_are_no_launch_files(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ScenarioError, match="no options of"):
        read(tmp_path / name, "llama-2-7b", "hgx-h100")


MIXTURE = (
    "torchrun --nnodes 8 --nproc-per-node 8 pretrain_gpt.py --num-experts 256 --expert-model-parallel-size 32 "
    "--pipeline-model-parallel-size 2 --num-layers 61 --bf16 --micro-batch-size 1 --global-batch-size 512 "
    "--moe-token-dispatcher-type flex --moe-flex-dispatcher-backend hybridep --cuda-graph-impl transformer_engine "
    "--cuda-graph-scope attn moe_router moe_preprocess --overlap-moe-expert-parallel-comm --delay-wgrad-compute "
    "--moe-router-fusion --moe-router-force-load-balancing --recompute-granularity selective "
    "--recompute-modules moe_act mla_up_proj layernorm --use-precision-aware-optimizer --exp-avg-dtype bf16 "
)


def test_switches_of_mixtures_are_read_and_written(tmp_path: Path) -> None:
    system, model = CATALOGUE.system("hgx-h100"), load_model("deepseek-v3", CATALOGUE)
    found = read(put(tmp_path, "moe.sh", MIXTURE), "deepseek-v3", "hgx-h100")
    assert read_features(found.switches).said() == {
        "dispatcher": "hybridep", "graphs": ("attn", "router", "preprocess"), "ep_overlap": True, "balance": "forced",
        "router_fusion": True,
    }  # fmt: skip
    assert module_names(found.layout["modules"]) == ("layernorm", "mla_up_proj", "moe_act")
    assert (found.layout["recompute"], found.optimizer, found.unknown) == (1, "adam-bf16", ())
    asked_for = Setup(layout=str(tmp_path / "moe.sh"), set_stack=("ep_overlap=off",))
    question = ask(CATALOGUE, "deepseek-v3", "hgx-h100", setup=asked_for)
    assert question.asked["stack"].startswith("stack-megatron-core; dispatcher=hybridep; graphs=attn,router,preprocess")
    assert "ep_overlap=off" in question.asked["stack"]  # what is said beside the file counts first
    assert question.asked["optimizer"] == "adam-bf16"
    again = launch_of(
        plan(
            Job(model, 4096, 512, "fp8"), system, 512, catalogue=CATALOGUE, stack=f"megatron-core; {found.switches}",
            optimizer="adam-bf16", layouts=one_layout(pp=8, ep=64, dp=64, modules=found.layout["modules"], recompute=1),
        ), "megatron", CATALOGUE, system,
    )  # fmt: skip
    text, lost = write_launch(again)
    assert not lost
    back = read(put(tmp_path, "back.sh", text), "deepseek-v3", "hgx-h100")
    assert (read_features(back.switches), back.optimizer) == (read_features(found.switches), "adam-bf16")
    assert back.layout["modules"] == found.layout["modules"]
    lost = write_launch(replace(again, framework="torchtitan"))[1]
    assert "modules" in lost
    assert any(name.startswith("switches dispatcher=hybridep") for name in lost)


@pytest.mark.parametrize(
    ("text", "switches"),
    [
        ("--moe-enable-deepep", "dispatcher=deepep"),
        (
            "--moe-token-dispatcher-type alltoall --enable-cuda-graph",
            "dispatcher=alltoall; graphs=attn,router,preprocess,shared,experts",
        ),
        ("--cuda-graph-impl local --cuda-graph-scope full_iteration", "graphs=full"),
        ("--cuda-graph-impl none", "graphs=none"),
        ("--moe-expert-capacity-factor 1.5 --moe-pad-expert-input-to-capacity", "capacity=1.5"),
    ],
)
def test_one_switch_at_a_time(tmp_path: Path, text: str, switches: str) -> None:
    found = read(put(tmp_path, "a.sh", f"--bf16 {text}"), "deepseek-v3", "hgx-h100")
    assert read_features(found.switches) == read_features(switches)
    assert found.unknown == ()


def test_some_layers_of_a_chunk_are_recomputed(tmp_path: Path) -> None:
    text = "--bf16 --recompute-granularity full --recompute-method block --recompute-num-layers 3"
    found = read(put(tmp_path, "a.sh", text), "llama-2-7b", "hgx-h100")
    assert (found.layout["recompute"], found.layout["repeated_layers"]) == (2, 3)


def test_what_nobody_knows_is_not_understood(tmp_path: Path) -> None:
    text = "--bf16 --foo-bar --lr 1e-4 --weight-decay 0.1 --tokenizer-model x --save-interval 5 --twist 3 --no-gain off"
    found = read(put(tmp_path, "a.sh", text), "llama-2-7b", "hgx-h100")
    assert found.unknown == ("foo_bar=True", "twist='3'")
    assert found.ignored == 5


def test_a_file_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    for name in ("pretrain_70b.sh", "train_8b.toml", "ds_zero3.json", "maxtext_70b.yml", "nxd_8b.yaml"):
        text = (FILES / name).read_text(encoding="utf-8")
        kind = read_options(FILES / name)[0]
        for ending in (".txt", ".cfg", ""):
            assert read_options(put(tmp_path, f"run{ending}", text))[0] == kind
    assert read_options(put(tmp_path, "a.json", '{"model": {"tensor_model_parallel_size": 2}}'))[0] == "megatron"
    assert read_options(put(tmp_path, "b.yaml", "zero_optimization:\n  stage: 3\n"))[0] == "deepspeed"


def test_a_layout_that_does_not_fit_keeps_the_notes_of_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = put(tmp_path, "a.sh", "--bf16 --tensor-model-parallel-size 1 --micro-batch-size 1 --spin-up 3")
    with pytest.raises(SystemExit) as stop:
        main(["train", "llama-3.1-405b", "--system", "hgx-h100", "--chips", "64", "--layout", str(file)])
    assert stop.value.code == 3
    told = " ".join(capsys.readouterr().err.split())
    assert "not understood: spin_up='3'" in told
    assert "GB are missing" in told


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"zero_optimization": {"stage": 9}}, "zero_optimization.stage = 9; allowed: 0 to 3"),
        (
            {"train_batch_size": 32, "train_micro_batch_size_per_gpu": 4, "gradient_accumulation_steps": 3},
            "train_batch_size = 32; allowed: a multiple of .* = 12",
        ),
    ],
)
def test_a_deepspeed_file_that_its_program_would_refuse_is_refused(
    tmp_path: Path, content: dict[str, Any], said: str
) -> None:
    path = put(tmp_path, "ds.json", json.dumps({"zero_optimization": {"stage": 1}} | content))
    with pytest.raises(ScenarioError, match=said):
        read_launch(path, load_model("llama-3.1-8b", CATALOGUE), CATALOGUE.system("hgx-h100"), CATALOGUE)
