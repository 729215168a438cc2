"""Where the counts that makers state were read again; those of other models are as recalled of the page named."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["READ"]

_NAME: Final = "its name"
_REPEATED: Final = "repeated by others"

READ: Final[Mapping[str, str]] = MappingProxyType(
    {
        "BLOOM": "github.com/bigscience-workshop/bigscience tr11-176B-ml",
        "Command A": _REPEATED,
        "Command R": "transformers, model_doc/cohere.md",
        "Command R+": "its model card",
        "DBRX": "github.com/databricks/dbrx, model card",
        "DeepSeek-V2": "the report's abstract",
        "DeepSeek-V3.2": "README of Step 3.5 Flash",
        "DeepSeek-V4 Flash": "the report's abstract",
        "DeepSeek-V4 Pro": "the report's abstract",
        "Falcon 180B": "its model card",
        "GLM-4.5": _REPEATED,
        "GLM-4.5 Air": _REPEATED,
        "GLM-4.7": "README of Step 3.5 Flash",
        "GLM-5": "its README",
        "Gemma 4 26B A4B": _REPEATED,
        "Gemma 4 31B": _REPEATED,
        "Granite 4.0 H Small": _REPEATED,
        "Hunyuan A13B": "its README",
        "Hunyuan Large": "its README",
        "Jamba 1.5 Large": "a summary of arxiv.org/abs/2408.12570",
        "K-EXAONE 236B A23B": _NAME,
        "Kimi K3": _REPEATED,
        "Llama 3.2 1B": _REPEATED,
        "MiMo-V2 Flash": "SGLang's blog with its makers",
        "MiniMax M1": "README of MiniMax-01",
        "MiniMax M2": "transformers, model_doc/minimax_m2.md",
        "Nemotron 3 Nano 30B A3B": _REPEATED,
        "Nemotron 3 Super 120B A12B": _REPEATED,
        "Nemotron 3 Ultra 550B A55B": _REPEATED,
        "Nemotron-4 340B": _NAME,
        "Nemotron-H 56B": _NAME,
        "Qwen2.5 72B": "model card of Qwen2.5-72B-Instruct",
        "Qwen2.5 7B": "model card of Qwen2.5-7B-Instruct",
        "Qwen3 235B A22B": _NAME,
        "Qwen3-Next 80B A3B": _NAME,
        "Qwen3.5 27B": _NAME,
        "Qwen3.5 35B A3B": _NAME,
        "Qwen3.5 397B A17B": _NAME,
        "Step 3": "github.com/stepfun-ai/Step3, model card",
        "Step 3.5 Flash": "README of Step 3.5 Flash",
    }
)
"""By name of the model. The name of a model says a count where it has one in it."""
