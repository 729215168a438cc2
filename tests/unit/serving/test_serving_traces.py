"""Traces of requests: layouts as they are published, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.serving import asked_traffic, random_arrivals, read_trace

TABLES = {
    "own.csv": "arrival_s,input_tokens,output_tokens\n10,100,20\n12.5,300,40\n11,200,30\n",
    "azure.csv": "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,100,20\n"
    "2023-11-16 18:15:49.1805900,300,40\n2023-11-16 18:15:47.6805900,200,30\n",
    "burst.csv": "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,ChatGPT,100,20,120,a\n6,ChatGPT,200,30,230,a\n7.5,ChatGPT,300,40,340,a\n",
    "mooncake.jsonl": '{"timestamp":0,"input_length":100,"output_length":20,"hash_ids":[0]}\n'
    '{"timestamp":1000,"input_length":200,"output_length":30}\n\n{"timestamp":2500,"input_length":300,"output_length":40}\n',
}


@pytest.mark.parametrize("name", TABLES)
def test_published_layouts_are_one_trace(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(TABLES[name])
    trace = read_trace(path)
    np.testing.assert_allclose(trace.arrival_s, [0.0, 1.0, 2.5], atol=1e-6)
    assert trace.input_tokens.tolist() == [100.0, 200.0, 300.0]
    assert trace.output_tokens.tolist() == [20.0, 30.0, 40.0]
    assert trace.rate_per_s == pytest.approx(2.0 / 2.5)
    traffic, rate = asked_traffic(None, None, 0.0, None, trace, None, None)
    assert (traffic.input_tokens, traffic.output_tokens, rate) == (200.0, 30.0, trace.rate_per_s)
    assert trace.share(2).input_tokens.tolist() == [100.0, 300.0]


def test_failed_requests_are_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(TABLES["own.csv"] + "13,50,0\n")
    trace = read_trace(path)
    assert len(trace.arrival_s) == 3
    assert trace.notes == ("1 of 4 requests of the trace have no prompt or no answer and are left out",)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "time,in,out\n1,2,3\n", "columns time, in, out"),
        ("a.csv", "arrival_s,input_tokens,output_tokens\n", "no request"),
        ("a.csv", "arrival_s,input_tokens,output_tokens\n1,2,3\n", "1 requests"),
        ("a.csv", "arrival_s,input_tokens,output_tokens\n1,2,3\nx,2,3\n", ":3.*arrival_s"),
        ("a.csv", "arrival_s,input_tokens,output_tokens\n1,2,3\n2,-5,3\n", ":3.*input_tokens"),
        ("a.jsonl", '{"timestamp":0,"input_length":1,"output_length":1}\n[1]\n', ":2.*timestamp"),
        ("a.jsonl", '{"timestamp":true,"input_length":1,"output_length":1}\n', "timestamp = True"),
        ("a.jsonl", "", "no request"),
    ],
)
def test_other_files_are_refused(name: str, text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ScenarioError, match=said):
        read_trace(path)


def test_bursts_have_the_spread_of_their_shape() -> None:
    for shape in (0.25, 1.0, 4.0):
        gaps = np.diff(random_arrivals(2.0, 20_001, 1, shape))
        assert gaps.mean() == pytest.approx(0.5, rel=0.05)
        assert gaps.std() / gaps.mean() == pytest.approx(shape**-0.5, rel=0.05)
    with pytest.raises(ScenarioError, match="burstiness = 0"):
        random_arrivals(2.0, 10, 1, 0.0)
