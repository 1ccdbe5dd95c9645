"""Language models of a few thousand weights that tests make themselves; they know nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = "prove cite dose the lemma statute patient of rings fraud twice case word a b c 0 1 2 3"


def tiny_tokenizer() -> Any:  # noqa: ANN401 - a class of transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS.split()]
    made = Tokenizer(models.WordLevel({word: n for n, word in enumerate(known)}, unk_token="[UNK]"))  # noqa: S106
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="[PAD]",  # noqa: S106
        unk_token="[UNK]",  # noqa: S106
        cls_token="[CLS]",  # noqa: S106
        sep_token="[SEP]",  # noqa: S106
    )


def tiny_checkpoint(folder: Path, kind: str = "bert", seed: int = 0) -> str:
    """Save an untrained BERT or Llama with two layers of width 16 and its tokenizer."""
    import torch
    from transformers import BertConfig, BertModel, LlamaConfig, LlamaModel

    tokenizer = tiny_tokenizer()
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = (
            BertModel(BertConfig(**shape)) if kind == "bert" else LlamaModel(LlamaConfig(**shape))
        )
    from routereval.features.pretrained import silent

    with silent():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return str(folder)
