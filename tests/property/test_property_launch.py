"""What is written as a launch file is read again as it was, except what the framework has no words for."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.catalogue import load_catalogue
from megawatt.launch import FRAMEWORKS, Launch, read_launch, write_launch
from megawatt.launch.asking import devices_per_chip
from megawatt.training import CODES, MODULES, read_features
from megawatt.workload import load_model

CATALOGUE = load_catalogue()
DENSE, MIXTURE = (load_model(key, CATALOGUE) for key in ("llama-3.1-70b", "mixtral-8x7b"))
SUFFIX = {"megatron": ".sh", "torchtitan": ".toml", "deepspeed": ".json", "maxtext": ".yml", "nxd": ".yaml"}
MACHINE = {"maxtext": "tpu-v5p-pod", "nxd": "trn1-node"}
"""What a framework runs on; GPUs where nothing stands."""
POWERS = (1, 2, 4, 8)
SWITCHES = (
    "",
    "dispatcher=deepep",
    "dispatcher=alltoall; graphs=attn,router",
    "graphs=none; ep_overlap=on; capacity=1.5",
)


@st.composite
def launches(draw: st.DrawFn, framework: str) -> Launch:
    mixture = draw(st.booleans())
    arch = MIXTURE if mixture else DENSE
    system = CATALOGUE.system(MACHINE.get(framework, "hgx-h100"))
    count = devices_per_chip(CATALOGUE, system.accelerator.key, framework)
    one = st.sampled_from(POWERS)
    tp, pp, cp, dp, micro = (draw(one) for _ in range(5))
    ep = draw(st.sampled_from([n for n in POWERS if n <= dp])) if mixture else 1
    zero, recompute = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    schedules = (0, CODES["zb-h1"], CODES["zb-v"], CODES["dualpipev"]) if pp > 1 else (0,)
    schedule = draw(st.sampled_from(schedules))
    layout = {
        "tp": tp * count,
        "pp": pp,
        "vpp": draw(st.sampled_from((1, 2, 5))) if pp > 1 and not schedule else 1,
        "cp": cp,
        "ep": ep,
        "etp": tp * count if ep > 1 and draw(st.booleans()) else 1,
        "dp": dp,
        "micro_batch": micro,
        "zero": zero,
        "zero_group": dp * cp // 2 if dp % 2 == 0 and zero and dp // 2 % ep == 0 and draw(st.booleans()) else 0,
        "recompute": recompute,
        "sequence_parallel": int(tp * count > 1 and draw(st.booleans())),
        "schedule": schedule,
        "cp_exchange": int(cp > 1 and draw(st.booleans())),
        "first_layers": draw(st.sampled_from((0, 6))) if pp > 1 and not schedule else 0,
        "last_layers": 0,
        "modules": draw(st.integers(0, 2 ** len(MODULES) - 1)) if recompute == 1 else 0,
        "repeated_layers": draw(st.integers(0, 4)) if recompute == 2 else 0,
    }
    return Launch(
        framework=framework,
        layout=layout,
        stack="",
        seq_len=draw(st.sampled_from((2048, 8192))),
        global_batch=dp * micro * draw(st.integers(1, 6)),
        precision=draw(st.sampled_from(("bf16", "fp8", "fp16", "fp32", "nvfp4"))),
        devices=tp * count * pp * cp * dp,
        offload=("optimizer",) if draw(st.booleans()) else (),
        switches=draw(st.sampled_from(SWITCHES)),
        optimizer=draw(st.sampled_from(("", "adam-bf16", "adam-8bit", "muon", "sgd")))
        if framework == "megatron"
        else "",
        model={"layers": arch.layers} | ({"experts": arch.experts} if arch.experts else {}),
    )


_OF: dict[str, tuple[str, ...]] = {
    "zero": ("zero", "zero_group"),
    "virtual": ("vpp",),
    "schedule": ("schedule",),
    "selective": ("recompute",),
    "no recompute": ("recompute",),
    "sequence parallelism": ("sequence_parallel",),
    "no sequence": ("sequence_parallel",),
    "a ring": ("cp_exchange",),
    "context": ("cp_exchange",),
    "precision": ("precision",),
    "sequences of": ("seq_len",),
    "selective recompute": ("modules",),
}
"""First words of what is lost, and the fields that may then differ; other losses begin with the field's name."""


def excused(lost: tuple[str, ...]) -> set[str]:
    fields: set[str] = set()
    for text in lost:
        fields |= {text.split(" ")[0], text}
        for start, names in _OF.items():
            if text.startswith(start):
                fields |= set(names)
    return fields


@pytest.mark.parametrize("framework", FRAMEWORKS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_launch_files_are_read_as_they_were_written(framework: str, data: st.DataObject) -> None:
    launch = data.draw(launches(framework))
    system = CATALOGUE.system(MACHINE.get(framework, "hgx-h100"))
    arch = MIXTURE if "experts" in launch.model else DENSE
    text, lost = write_launch(launch)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"launch{SUFFIX[framework]}"
        path.write_text(text, encoding="utf-8")
        again = read_launch(path, arch, system, CATALOGUE)
    count = devices_per_chip(CATALOGUE, system.accelerator.key, framework)
    free = excused(lost)
    wanted = dict(launch.layout) | {"tp": launch.layout["tp"] // count}
    wanted["etp"] = wanted["etp"] // count if wanted["etp"] > 1 else 1
    found = dict(again.layout)
    if wanted["tp"] == 1:
        free.add("sequence_parallel")
    if wanted["ep"] == 1:
        free.add("etp")
    differ = {
        n: (v, found.get(n)) for n, v in wanted.items() if n not in free and found.get(n, v if n == "dp" else 0) != v
    }
    assert not differ, (differ, lost, text)
    assert again.unknown == ()
    assert again.devices == (launch.devices or 0) // count
    assert again.global_batch == launch.global_batch
    for name in ("seq_len", "precision"):
        assert name in free or getattr(again, name) == getattr(launch, name)
    assert read_features(again.switches) == read_features("" if "switches" in free else launch.switches)
    assert again.optimizer == launch.optimizer
    assert again.offload == launch.offload or any(t.startswith("offload") for t in lost)
