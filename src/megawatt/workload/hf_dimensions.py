"""Dimensions of a model from the fields of its Hugging Face configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from megawatt.workload.hf_families import Family
from megawatt.workload.hf_fields import Fields
from megawatt.workload.hf_layers import mixer_letters, mlp_letters
from megawatt.workload.records import MOST_LAYERS

__all__ = ["dimensions"]

_SHARED_LIKE: Final = ("llama4", "gemma4")
"""Families whose mixtures stand beside an MLP of the dense width that every token passes."""
_GIVEN_BY_COUNT: Final = ("bloom", "falcon", "gpt2", "gpt_bigcode", "gpt_neo", "gptj", "mpt")
"""Families whose MLP is four times as wide as the model where no width is given."""
_OPT_OFFSET: Final = 2
"""Entries of OPT's table of positions before the first."""
_MULTIPLE: Final = 256
"""Widths of DeciLM's MLPs are multiples of it."""


def dimensions(config: Fields, name: str, family: Family) -> dict[str, Any]:
    """Values of `ModelArch` fields."""
    attention, mlp = config.inside("attn_config"), config.inside("ffn_config")
    if attention.data or mlp.data:
        # DBRX and MPT keep some fields in objects.
        nested = {"num_key_value_heads": attention.data.get("kv_n_heads")}
        nested |= {k: mlp.data[k] for k in ("ffn_hidden_size", "moe_num_experts", "moe_top_k") if k in mlp.data}
        config.data = {**config.data, **{k: v for k, v in nested.items() if v is not None}}
    layers = _layer_count(config, name)
    hidden = config.number("hidden")
    values: dict[str, Any] = {"layers": layers, "hidden": hidden, "vocab": config.number("vocab")}
    if not 1 <= layers <= MOST_LAYERS:
        if not config.problems:
            config.wrong("num_hidden_layers", f"1 to {MOST_LAYERS:,}", layers)
        return values
    values["mixers"] = mixer_letters(config, name, family, layers)
    values |= _mlps(config, name, family, layers, hidden)
    if set(values["mixers"]) & set("fwcpsh"):
        values |= _attention(config, name, family, hidden, values["mixers"])
    if "l" in values["mixers"]:
        values |= _linear(config, name, values.get("heads", 0), values.get("head_dim", 0))
    if set(values["mixers"]) & set("mp"):
        values |= _mamba(config, hidden)
    bias = config.flag("use_bias", "bias", default=family.mlp_bias)
    if name == "longcat_flash" and "experts_per_token" in values:
        values |= _longcat(config, layers, values)
    if name == "gemma3n":
        config.assume("AltUp and LAuReL, which widen the residual stream, are left out")
    return values | {
        "gated": config.flag("gated_mlp", default=family.gated),
        "tied_embeddings": config.flag("tie_word_embeddings", default=family.tied),
        "attention_bias": config.flag(
            "attention_bias", "qkv_bias", "use_qkv_bias", "add_qkv_bias", "use_bias", "bias", "attn_bias",
            default=family.attention_bias,
        ),
        "mlp_bias": config.flag("mlp_bias", default=bias) if name != "mamba" else False,
        "mtp_layers": _mtp(config),
        "learned_positions": _positions(config, name),
        "per_layer_input": config.number("hidden_size_per_layer_input", default=0),
        "weight_bits": _weight_bits(config),
    }  # fmt: skip


def _longcat(config: Fields, layers: int, values: dict[str, Any]) -> dict[str, Any]:
    """LongCat's layers are two of attention and MLP, with experts beside the first; experts that do nothing are not
    computed."""
    idle = config.number("zero_expert_num", default=0)
    real = round(values["experts_per_token"] * values["experts"] / max(values["experts"] + idle, 1))
    config.assume(f"{real} experts a token on average: of {values['experts_per_token']} chosen some do nothing")
    width = config.number("ffn")
    both = {"layers": 2 * layers, "mlps": "ed", "ffn": width, "shared_ffn": width}
    return both | {"experts_per_token": max(real, 1)}


def _layer_count(config: Fields, name: str) -> int:
    blocks = config.data.get("hybrid_override_pattern") or config.data.get("layers_block_type")
    if name == "nemotron_h" and isinstance(blocks, str | list) and blocks:
        return len(blocks)
    return config.number("layers")


def _attention(config: Fields, name: str, family: Family, hidden: int, mixers: str) -> dict[str, Any]:
    """Heads and ranks of softmax attention."""
    heads = config.number("heads")
    if config.number("kv_lora_rank", default=0) and name != "deepseek_v4":
        return _latent(config, heads)
    kv_heads = _kv_heads(config, name, heads)
    head_dim = config.number("head_dim", default=hidden // heads if heads else 0)
    values = {
        "attention": "mha" if kv_heads == heads else "mqa" if kv_heads == 1 else "gqa",
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "v_head_dim": config.number("v_head_dim", default=0),
        "q_lora_rank": config.number("share_q_dim", default=0),
        "attention_gate": config.flag("attn_output_gate", default=name in ("qwen3_next", "qwen3_5", "qwen3_5_moe")),
    }
    if set(mixers) & set("wcsh"):
        values["window"] = config.number("attention_chunk_size" if "c" in mixers else "window")
        values |= _windowed_heads(config, mixers)
    if name == "gemma4":
        values |= _gemma4(config, kv_heads, head_dim)
    if name == "deepseek_v4":
        ranks = {"output_groups": config.number("o_groups"), "output_rank": config.number("o_lora_rank")}
        values |= {"q_lora_rank": config.number("q_lora_rank"), "keys_are_values": True} | ranks | _indexer(config)
    shared = config.number("num_kv_shared_layers", default=0)
    every = config.number("cla_share_factor", default=1) if config.flag("use_cla", default=False) else 1
    return values | {"shared_kv_layers": shared, "kv_share_every": max(every, 1)}


def _kv_heads(config: Fields, name: str, heads: int) -> int:
    if name == "falcon":
        new = config.flag("new_decoder_architecture", default=False)
        if not new:
            return 1 if config.flag("multi_query", default=True) else heads
    if name == "gpt_bigcode":
        return 1 if config.flag("multi_query", default=True) else heads
    if name == "deci" and config.has("block_configs"):
        return _deci(config, heads)
    return config.number("kv_heads", default=heads)


def _latent(config: Fields, heads: int) -> dict[str, Any]:
    """Latent attention, with an indexer where there is one."""
    nope, rope = config.number("qk_nope_head_dim"), config.number("qk_rope_head_dim")
    return {
        "attention": "mla",
        "heads": heads,
        "kv_heads": heads,
        "head_dim": nope + rope,
        "q_lora_rank": config.number("q_lora_rank", default=0) if config.has("q_lora_rank") else 0,
        "kv_lora_rank": config.number("kv_lora_rank"),
        "qk_nope_head_dim": nope,
        "qk_rope_head_dim": rope,
        "v_head_dim": config.number("v_head_dim"),
    } | _indexer(config)


def _indexer(config: Fields) -> dict[str, int]:
    names = {"index_heads": "index_n_heads", "index_head_dim": "index_head_dim", "index_topk": "index_topk"}
    return {field: config.number(given, default=0) for field, given in names.items()}


def _windowed_heads(config: Fields, mixers: str) -> dict[str, int]:
    """Heads of the layers with a window where they differ from the others'."""
    values = {
        "window_heads": config.number("swa_num_attention_heads", default=0),
        "window_kv_heads": config.number("swa_num_key_value_heads", default=0),
        "window_head_dim": config.number("swa_head_dim", default=0),
        "window_v_head_dim": config.number("swa_v_head_dim", default=0),
    }
    if config.has("attention_other_setting"):
        other = config.inside("attention_other_setting")
        values["window_heads"] = other.number("num_attention_heads", default=0)
        values["window_kv_heads"] = other.number("num_attention_groups", default=0)
    by_layer = config.numbers("num_attention_heads_per_layer")
    if by_layer:
        letters = mixers * (len(by_layer) // len(mixers) + 1)
        windowed = {n for n, letter in zip(by_layer, letters, strict=False) if letter == "w"}
        if len(windowed) > 1:
            config.wrong("num_attention_heads_per_layer", "one number for all layers with a window")
        values["window_heads"] = max(windowed, default=0)
    return values


def _gemma4(config: Fields, kv_heads: int, head_dim: int) -> dict[str, Any]:
    """Full layers of Gemma 4 have heads of their own, whose values may be their keys; the fields are the others'."""
    one_projection = config.flag("attention_k_eq_v", default=False)
    full = config.number("num_global_key_value_heads", default=kv_heads) if one_projection else kv_heads
    return {
        "kv_heads": full or kv_heads,
        "head_dim": config.number("global_head_dim", default=head_dim),
        "window_kv_heads": kv_heads,
        "window_head_dim": head_dim,
        "keys_are_values": one_projection,
    }


def _deci(config: Fields, heads: int) -> int:
    """Key-value heads of a model of DeciLM's search, whose layers are written one by one."""
    groups = set()
    for i, block in enumerate(config.data.get("block_configs") or []):
        attention = block.get("attention") if isinstance(block, Mapping) else None
        if not isinstance(attention, Mapping):
            config.wrong(f"block_configs[{i}]", "an object with attention and ffn", block)
        elif attention.get("n_heads_in_group"):
            groups.add(config.whole(f"block_configs[{i}].attention.n_heads_in_group", attention["n_heads_in_group"]))
    if len(groups) > 1:
        config.assume(f"query heads of one key-value head: {max(groups)} in every layer, of {sorted(groups)}")
    return max(heads // max(groups, default=1), 1)


def _mlps(config: Fields, name: str, family: Family, layers: int, hidden: int) -> dict[str, Any]:
    """Dense MLPs and mixtures."""
    optional = 4 * hidden if name in _GIVEN_BY_COUNT else None
    experts = config.number("experts", default=0)
    if name == "gemma4" and not config.flag("enable_moe_block", default=False):
        experts = 0
    letters = mlp_letters(config, name, layers, experts)
    values: dict[str, Any] = {"mlps": letters}
    dense_layers = min(config.number("dense_layers", default=0), layers) if "e" in letters else 0
    if "e" in letters:
        width = config.number("expert_ffn")
        per_token = config.number("experts_per_token")
        values |= {"experts": experts, "experts_per_token": per_token, "expert_ffn": width}
        values |= {"shared_ffn": _shared(config, name, width), "dense_layers": dense_layers}
        values["expert_latent"] = config.number("expert_latent", default=0)
        groups = [config.number(each, default=0) for each in ("expert_groups", "groups_per_token")]
        if 0 < groups[1] < groups[0]:
            values |= {"expert_groups": groups[0], "groups_per_token": groups[1]}
        optional = 0 if set(letters) == {"e"} and not dense_layers else optional
    if name == "deci" and config.has("block_configs"):
        return values | _deci_layers(config, layers, hidden)
    if "d" in letters or dense_layers:
        values["ffn"] = config.number("ffn", default=optional)
        if name == "granitemoehybrid" or (name == "bamba" and not config.has("intermediate_size")):
            values["ffn"] = config.number("shared_intermediate_size", default=values["ffn"])
    if "ffn" in values and config.flag("use_double_wide_mlp", default=False):
        # The last layers, which have no keys of their own, have MLPs twice as wide.
        shared = config.number("num_kv_shared_layers", default=0)
        values["ffn_by_layer"] = tuple(values["ffn"] * (2 if i >= layers - shared else 1) for i in range(layers))
    return values


def _shared(config: Fields, name: str, width: int) -> int:
    """Width of what every token passes beside the routed experts."""
    if name in _SHARED_LIKE:
        return config.number("intermediate_size")
    if config.data.get("residual_moe") is True:
        return config.number("intermediate_size")
    if name == "arctic":
        # A dense MLP as wide as the model runs beside the experts.
        return config.number("hidden") if config.flag("use_residual", default=True) else 0
    given = config.number("shared_ffn", default=0)
    if given:
        many = config.number("shared_experts", default=1) if config.has("moe_shared_expert_intermediate_size") else 1
        return given * max(many, 1)
    return config.number("shared_experts", default=0) * width


def _deci_layers(config: Fields, layers: int, hidden: int) -> dict[str, Any]:
    """Mixers and widths of MLPs of a model whose layers are written one by one."""
    blocks = config.data["block_configs"]
    if not isinstance(blocks, list) or len(blocks) != layers:
        config.wrong("block_configs", f"a list of {layers} objects")
        return {}
    mixers, widths = [], []
    for i, block in enumerate(blocks):
        parts = [block.get(part) if isinstance(block, Mapping) else None for part in ("attention", "ffn")]
        attention, mlp = (p if isinstance(p, Mapping) else {} for p in parts)
        present = not attention.get("no_op") and not attention.get("replace_with_linear")
        mixers.append("f" if present else "-")
        share = mlp.get("ffn_mult")
        if mlp.get("no_op") or share is None:
            widths.append(0)
        elif isinstance(share, int | float) and not isinstance(share, bool) and 0 < share < _MULTIPLE:
            widths.append(-(-int(2 * share * hidden / 3) // _MULTIPLE) * _MULTIPLE)
        else:
            config.wrong(f"block_configs[{i}].ffn.ffn_mult", f"a number from 0 to {_MULTIPLE}", share)
    return {"mixers": "".join(mixers), "mlps": "d", "ffn": max(widths, default=0), "ffn_by_layer": tuple(widths)}


def _linear(config: Fields, name: str, heads: int, head_dim: int) -> dict[str, Any]:
    """Linear attention: gated delta nets, Kimi's delta attention, or lightning attention."""
    if config.has("linear_attn_config"):
        inner = config.inside("linear_attn_config")
        count, width = inner.number("num_heads"), inner.number("head_dim")
        rank = 0 if inner.flag("use_full_rank_gate", default=False) else width
        kernel = {"conv_kernel": inner.number("conv_kernel", default=4)}
        return _heads("kda", count, count, width, width) | kernel | {"linear_gate_rank": rank}
    if config.has("linear_num_value_heads") or "linear_num_value_heads" in config.defaults:
        keys, values = config.number("linear_num_key_heads"), config.number("linear_num_value_heads")
        key_dim, value_dim = config.number("linear_key_head_dim"), config.number("linear_value_head_dim")
        return _heads("delta", keys, values, key_dim, value_dim) | {
            "conv_kernel": config.number("conv_kernel", default=4)
        }
    if name != "minimax":
        config.assume("linear attention as MiniMax has it: as many heads as full attention, with decay and a full gate")
    width = head_dim or config.number("head_dim")
    count = heads or config.number("heads")
    return _heads("decay", count, count, width, width) | {"conv_kernel": 0}


def _heads(rule: str, keys: int, values: int, key_dim: int, value_dim: int) -> dict[str, Any]:
    return {
        "linear_rule": rule,
        "linear_key_heads": keys,
        "linear_value_heads": values,
        "linear_key_dim": key_dim,
        "linear_value_dim": value_dim,
    }


def _mamba(config: Fields, hidden: int) -> dict[str, int]:
    """State-space layers, Mamba-2, or Mamba-1 where a model has no heads of them."""
    expand = config.number("mamba_expand", default=2)
    values = {
        "mamba_state": config.number("mamba_state"),
        "conv_kernel": config.number("conv_kernel", default=4),
        "mamba_groups": config.number("mamba_groups", default=1),
    }
    if config.kind in ("mamba", "jamba"):
        inner = config.number("intermediate_size") if config.kind == "mamba" and config.has("intermediate_size") else 0
        rank = config.data.get("mamba_dt_rank", config.data.get("time_step_rank"))
        usual = -(-hidden // 16)
        known = isinstance(rank, int) and not isinstance(rank, bool)
        return values | {"mamba_inner": inner or expand * hidden, "mamba_dt_rank": rank if known else usual}
    head_dim = config.number("mamba_head_dim", default=64)
    inner = config.number("mamba_d_ssm", default=0)
    heads = config.number("mamba_heads", default=expand * hidden // max(head_dim, 1))
    return values | {"mamba_inner": inner or heads * head_dim, "mamba_head_dim": head_dim}


def _mtp(config: Fields) -> int:
    if config.has("use_mtp") and not config.flag("use_mtp", default=True):
        return 0
    return config.number("mtp_layers", default=0) * config.number("mtp_transformer_layers", default=1)


def _positions(config: Fields, name: str) -> int:
    """Entries of a table of learned positions."""
    if name in ("gpt2", "gpt_bigcode", "gpt_neo"):
        return config.number("n_positions" if config.has("n_positions") or name != "gpt_neo" else
                             "max_position_embeddings")  # fmt: skip
    return config.number("max_position_embeddings") + _OPT_OFFSET if name == "opt" else 0


def _weight_bits(config: Fields) -> float:
    """Bits of a stored weight of a quantised model, scales included; 0 where it is not."""
    quantised = config.inside("quantization_config")
    if not quantised.data:
        return 0.0
    method = str(quantised.data.get("quant_method") or quantised.data.get("quant_algo") or "")
    bits = float(quantised.number("bits", default=0))
    group = quantised.number("group_size", default=0) if isinstance(quantised.data.get("group_size"), int) else 0
    for found in quantised.inside("config_groups").data.values():
        weights = found.get("weights") if isinstance(found, Mapping) else None
        if isinstance(weights, Mapping) and isinstance(weights.get("num_bits"), int):
            bits = float(weights["num_bits"])
            group = weights["group_size"] if isinstance(weights.get("group_size"), int) else 0
    known = {"fp8": 8.0, "mxfp4": 4.25, "nvfp4": 4.5, "mixed_precision": 4.5, "fbgemm_fp8": 8.0}
    bits = bits or next((b for name, b in known.items() if name in method.lower()), 0.0)
    if quantised.data.get("load_in_4bit") is True or quantised.data.get("_load_in_4bit") is True:
        bits = bits or 4.5
    if not bits:
        return 0.0
    # A 16-bit scale for every group.
    stored = bits + (16.0 / group if 0 < group < 10**6 and bits < 8.0 else 0.0)
    config.assume(
        f"published with quantised weights ({method or 'quantization_config'}, {stored:g} bits): training holds them "
        "in its own precision, and all of them are taken to have these bits in the file"
    )
    return stored
