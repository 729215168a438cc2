"""Step times out of logs, and a run of one's own against the prediction."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from megawatt.cli.entry import main
from megawatt.errors import ScenarioError
from megawatt.launch import read_log

FILES = Path(__file__).parent / "files"


def put(folder: Path, lines: list[str]) -> Path:
    path = folder / "run.log"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_megatron_s_iterations_after_warm_up() -> None:
    found = read_log(FILES / "megatron.log")
    assert (found.framework, found.steps, found.median) == ("megatron", 3, 12100.0)
    assert found.step_s(tokens=1.0, sequences=1.0, devices=1.0) == pytest.approx(12.1)


@pytest.mark.parametrize(
    ("line", "framework", "step_s"),
    [
        (
            "Training epoch 0, iteration {n}/99 | lr: 6e-06 | global_batch_size: 128 | global_step: {n} | "
            "reduced_train_loss: 11.9 | train_step_timing in s: 6.08 | consumed_samples: 58",
            "nemo",
            6.08,
        ),
        (
            "completed step: {n}, seconds: 3.456, TFLOP/s/device: 123.4, Tokens/s/device: 2345.6, loss: 9.1",
            "maxtext",
            3.456,
        ),
        ("steps: {n} loss: 4.5512 iter time (s): 1.25 samples/sec: 102.4", "deepspeed", 1.25),
        (
            "[INFO] [timer.py:260:stop] epoch=0/micro_step={n}/global_step={n}, RunningAvgSamplesPerSec=31.0, "
            "CurrSamplesPerSec=32.0, MemAllocated=4.75GB, MaxMemAllocated=15.59GB",
            "deepspeed",
            4.0,
        ),
        (
            "\x1b[31mstep: {n}  \x1b[32mloss:  8.1234  \x1b[38;2;180;60;0mmemory: 40.50GiB(51.20%)  "
            "\x1b[34mtps: 8,192  \x1b[36mtflops: 412.30  \x1b[35mmfu: 41.70%\x1b[39m",
            "torchtitan",
            8.0,
        ),
    ],
)
def test_lines_of_the_frameworks(tmp_path: Path, line: str, framework: str, step_s: float) -> None:
    log = put(tmp_path, ["starting", *(line.replace("{n}", str(n)) for n in range(1, 8)), "done"])
    found = read_log(log)
    assert found.framework == framework
    # 128 sequences of 4,096 tokens on 8 devices
    assert found.step_s(tokens=128 * 4096, sequences=128, devices=8) == pytest.approx(step_s)


def test_validation_steps_of_torchtitan_are_none(tmp_path: Path) -> None:
    lines = [f"step: {n}  loss: 8.1  tps: 1,000  mfu: 4%" for n in range(1, 6)]
    found = read_log(put(tmp_path, [*lines, "validate step: 6  loss: 8.1  memory: 1GiB  tps: 9,000"]))
    assert found.high == 1000.0


def test_a_log_without_steps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no line of a training step"):
        read_log(put(tmp_path, ["hello", "step: one"]))


def test_validate_compares_a_run_with_its_prediction(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["validate", "--log", str(FILES / "megatron.log"), "--launch", str(FILES / "pretrain_70b.sh")]
    words += ["--system", "hgx-h100", "--model", "llama-3.1-70b"]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--json"])
    assert not stop.value.code
    (entry,) = json.loads(capsys.readouterr().out)["results"]
    (row,) = entry["cases"]
    assert (entry["kind"], entry["rows"], entry["scored"]) == ("training-log", 1, 1)
    assert row["measured"] == pytest.approx(12.1)
    assert row["error"] == pytest.approx(row["predicted"] / 12.1 - 1.0)
    assert 8.0 < row["predicted"] < 14.0
    assert any("median of 3 steps after warm-up" in note for note in row["assumed"])
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert "measured 12.1 s, predicted" in capsys.readouterr().out


def test_a_log_needs_its_launch_file(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["validate"], ["validate", "--log", "run.log"]):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 2
    assert "--log needs --launch, --model and one --system" in capsys.readouterr().err
