"""Hidden states of a small language model that reads the prompt and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, MissingDependencyError
from routereval.features.base import Pretrained, Vectors
from routereval.features.encoder import checked
from routereval.features.pretrained import cannot_load, files_of, silent
from routereval.parameters import COUNT, WEIGHTS, Choice, Number, Tuned


class HiddenStates(Pretrained):
    """The hidden states of one layer of a language model that reads the prompt and writes nothing.

    Prefill activations tell how hard a prompt is for a language model better than its words do. Any
    model that transformers can load, of the extra ``torch``, from a folder or the hub; on a GPU if
    there is one.

    Args:
        model: a folder, or a name on the hub.
        layer: which hidden state, 0 the word embeddings, -1 the last; or ``middle``.
        pool: ``mean`` over the prompt's tokens, or its ``last``.
        max_tokens: what is read of a prompt, if the model can read as many; the end is cut off.
        batch: prompts per step.
    """

    label = "hidden_states"
    allowed = {
        "model": WEIGHTS,
        "layer": Tuned(Number(whole=True), "middle"),
        "pool": Choice("mean", "last"),
        "max_tokens": COUNT,
        "batch": COUNT,
    }

    def __init__(
        self,
        model: str = "HuggingFaceTB/SmolLM2-135M",
        layer: int | str = "middle",
        pool: str = "mean",
        max_tokens: int = 512,
        batch: int = 16,
    ) -> None:
        self.model = model
        self.layer = layer
        self.pool = pool
        self.max_tokens = max_tokens
        self.batch = batch

    def transform(self, texts: Sequence[str]) -> Vectors:
        """(n_texts, d); zeros for a text without a token.

        Raises:
            DataError: if the model cannot be loaded, or has no such layer.
            MissingDependencyError: if torch or transformers is not installed.
        """
        self.check()
        reader = reader_of(self.model, self.source())
        tokens = reader.tokens(texts, self.max_tokens)
        vectors = np.zeros((len(texts), reader.width), dtype=np.float32)
        # Prompts of a length together: little is padded. An empty one keeps its zeros.
        order = [
            row for row in np.argsort([len(ids) for ids in tokens], kind="stable") if tokens[row]
        ]
        for start in range(0, len(order), self.batch):
            rows = order[start : start + self.batch]
            vectors[rows] = self._pooled(reader, [tokens[row] for row in rows])
        return checked(vectors, len(texts), f"hidden_states: {self.model}")

    def source(self) -> str:
        """What the model's files are."""
        return files_of(self.model)

    def _pooled(self, reader: Reader, tokens: list[list[int]]) -> NDArray[np.float32]:
        import torch

        ids, mask = padded(tokens)
        device = reader.network.device
        with torch.inference_mode():
            states = reader.network(
                input_ids=torch.from_numpy(ids).to(device),
                attention_mask=torch.from_numpy(mask).to(device),
                output_hidden_states=True,
            ).hidden_states
            state = states[self._place(len(states))].float()
            if self.pool == "last":
                ends = torch.tensor([len(one) - 1 for one in tokens], device=device)
                pooled = state[torch.arange(len(tokens), device=device), ends]
            else:
                weight = torch.from_numpy(mask).to(device)[:, :, None].float()
                pooled = (state * weight).sum(dim=1) / weight.sum(dim=1)
        return np.asarray(pooled.cpu().numpy(), dtype=np.float32)

    def _place(self, n_states: int) -> int:
        layer = n_states // 2 if self.layer == "middle" else int(self.layer)
        if not -n_states <= layer < n_states:
            raise DataError(
                f"hidden_states: {self.model!r} has the layers 0 to {n_states - 1}, not {layer}"
            )
        return layer


class Reader(NamedTuple):
    """A language model and its tokenizer, ready to read."""

    network: Any
    tokenizer: Any
    width: int
    longest: int

    def tokens(self, texts: Sequence[str], most: int) -> list[list[int]]:
        """The first tokens of each text."""
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        found = self.tokenizer(clean, truncation=True, max_length=min(most, self.longest))[
            "input_ids"
        ]
        return [list(map(int, ids)) for ids in found]


def padded(tokens: Sequence[Sequence[int]], pad: int = 0) -> tuple[Any, Any]:
    """Token numbers as a matrix, filled up on the right, and the mask of those that are real.

    >>> ids, mask = padded([[5, 6], [7]])
    >>> ids.tolist(), mask.tolist()
    ([[5, 6], [7, 0]], [[1, 1], [1, 0]])
    """
    longest = max(map(len, tokens))
    ids = np.full((len(tokens), longest), pad, dtype=np.int64)
    mask = np.zeros((len(tokens), longest), dtype=np.int64)
    for row, one in enumerate(tokens):
        ids[row, : len(one)] = one
        mask[row, : len(one)] = 1
    return ids, mask


@lru_cache(maxsize=2)
def reader_of(model: str, files: str) -> Reader:
    """The language model and its tokenizer, kept for the next prompt.

    Args:
        model: a folder, or a name on the hub.
        files: what its files are: others in the same folder are another model.

    Raises:
        DataError: if they cannot be loaded.
        MissingDependencyError: if torch or transformers is not installed.
    """
    try:
        import torch
        from transformers import AutoModel, AutoTokenizer
    except ImportError:
        raise MissingDependencyError.of("torch with transformers", "torch") from None
    try:
        with silent():
            tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
            network = AutoModel.from_pretrained(model, trust_remote_code=False).float()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise cannot_load("hidden_states", model, error) from None
    if network.config.is_encoder_decoder:
        network = network.get_encoder()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    width = int(network.config.get_text_config().hidden_size)
    places = getattr(network.config.get_text_config(), "max_position_embeddings", None)
    longest = int(min(tokenizer.model_max_length, places or tokenizer.model_max_length))
    return Reader(network.eval().to(device), tokenizer, width, longest)
