"""Multi-label classification: a language model fine-tuned to say which models will be right."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, MissingDependencyError
from routereval.features.hidden_states import padded
from routereval.features.pretrained import cannot_load, silent
from routereval.parameters import COUNT, POSITIVE, SEED, WEIGHTS, Flag, Number
from routereval.routers.base import Reads, Router, Scores, Training
from routereval.routers.torch_training import batches, import_torch, seeded


class MultiLabel(Router):
    """Fine-tunes a pretrained encoder as a multi-label classifier: a label for each model.

    All of its weights are trained, by AdamW on the cross-entropy of the observed scores, the
    learning rate rising linearly over the warm-up steps and falling linearly to 0 after them.
    Prompts are read one at a time when predicting, so that a prompt's scores do not depend on its
    neighbours. Source of the baseline: RouterEval's MLC (RoBERTa, 10 epochs, batches of 10, 512
    tokens), Huang et al. 2025, arXiv 2503.10657; its script leaves the learning rate at 5e-5, warms
    up over 500 steps, and sets negative logits to 0 before it chooses.

    Args:
        model: a checkpoint that transformers can load: a folder, or a name on the hub.
        epochs: passes over the training prompts.
        batch: prompts per step.
        max_tokens: what is read of a prompt, if the model can read as many; the end is cut off.
        lr: the highest learning rate.
        warmup: steps over which the learning rate rises to it.
        clipped: a probability below one half counts as one half, so where no model is expected to
            be right, all are equal; E_p is then that of the positive logits, divided by their sum.
        random_state: seed of the new layer, of dropout and of the order of the prompts.

    Attributes:
        weights_: of the fine-tuned network, by name.
        config_: its architecture, as JSON.
        tokenizer_: its tokenizer, as JSON.
        longest_: how many tokens of a prompt are read.
    """

    allowed = {
        "model": WEIGHTS,
        **dict.fromkeys(("epochs", "batch", "max_tokens"), COUNT),
        "lr": POSITIVE,
        "warmup": Number(0, whole=True),
        "clipped": Flag(),
        "random_state": SEED,
    }
    reads: ClassVar[Reads] = "texts"
    extra: ClassVar[str] = "torch"
    faithful: ClassVar[dict[str, Any]] = {"lr": 5e-5, "warmup": 500, "clipped": True}

    def __init__(
        self,
        *,
        model: str = "FacebookAI/roberta-base",
        epochs: int = 10,
        batch: int = 10,
        max_tokens: int = 512,
        lr: float = 2e-5,
        warmup: int = 0,
        clipped: bool = False,
        random_state: int = 0,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.batch = batch
        self.max_tokens = max_tokens
        self.lr = lr
        self.warmup = warmup
        self.clipped = clipped
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        _built.pop(self, None)
        with seeded(int(self.random_state), threads=None) as device:
            network, tokenizer = _checkpoint(self.model, self.n_models_)
            self.tokenizer_: str = tokenizer.backend_tokenizer.to_str()
            self.config_ = json.dumps(network.config.to_dict(), default=str)
            self.longest_ = _longest(self.max_tokens, tokenizer, network.config)
            self._train(network.to(device), self._tokens(data.X), data.scores)
        state = network.state_dict()
        self.weights_ = {name: value.cpu().numpy() for name, value in state.items()}

    def _predict(self, X: Sequence[str]) -> Scores:
        torch = import_torch()
        network = _built.get(self)
        if network is None:
            network = _built[self] = self._rebuilt()
        z = np.empty((len(X), self.n_models_))
        with torch.inference_mode():
            for row, ids in enumerate(self._tokens(X)):
                one = torch.tensor([ids], device=network.device)
                z[row] = network(input_ids=one, attention_mask=torch.ones_like(one)).logits[0].cpu()
        right = np.asarray(1 / (1 + np.exp(-z)))
        return np.maximum(right, 0.5) if self.clipped else right

    @property
    def entropy_floor(self) -> float:
        """RouterEval's entropy of this router's distribution drops terms below 1e-4."""
        return 1e-4 if self.clipped else 1e-10

    def _distribution(self, X: Sequence[str], scores: Scores) -> Scores:
        """The positive logits divided by their sum; the first model alone where none is positive.

        RouterEval's script gives such a prompt no entropy, as one sure choice has none.
        """
        if not self.clipped:
            return super()._distribution(X, scores)
        within = np.clip(scores, 0.5, 1 - 1e-12)
        logits = np.log(within / (1 - within))
        logits[:, 0] += ~logits.any(axis=1)
        return np.asarray(logits / logits.sum(axis=1, keepdims=True))

    def _train(self, network: Any, tokens: list[list[int]], scores: Scores) -> None:  # noqa: ANN401
        torch = import_torch()
        rng = np.random.default_rng(self.random_state)
        adam = torch.optim.AdamW(_decayed(network), lr=self.lr)
        steps = self.epochs * math.ceil(len(tokens) / self.batch)
        rate = torch.optim.lr_scheduler.LambdaLR(adam, lambda at: pace(at, steps, self.warmup))
        network.train()
        for _ in range(self.epochs):
            for rows in batches(rng, len(tokens), int(self.batch)):
                adam.zero_grad()
                _loss(network, [tokens[row] for row in rows], scores[rows]).backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                adam.step()
                rate.step()

    def _rebuilt(self) -> Any:  # noqa: ANN401 - a network
        """The network, of what was kept of it."""
        torch = import_torch()
        from transformers import AutoConfig, AutoModelForSequenceClassification

        held = json.loads(self.config_)
        config = AutoConfig.for_model(held.pop("model_type"), **held)
        with seeded(0, threads=None) as device, silent():
            network = AutoModelForSequenceClassification.from_config(config).float()
        weights = {name: torch.from_numpy(np.array(w)) for name, w in self.weights_.items()}
        network.load_state_dict(weights)
        return network.eval().to(device)

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """The numbers of the first tokens of each text; at least one."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self.tokenizer_)
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.longest_)
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        return [encoded.ids or [0] for encoded in tokenizer.encode_batch(clean)]


_built: WeakKeyDictionary[MultiLabel, Any] = WeakKeyDictionary()
"""The networks of fitted routers, made when they first predict; never saved with them."""


def pace(step: int, steps: int, warmup: int) -> float:
    """The share of the highest learning rate at a step.

    Args:
        step: how many were taken before.
        steps: how many there are.
        warmup: over how many of them it rises.

    >>> [pace(step, 10, 4) for step in (0, 2, 4, 7, 10)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return step / warmup
    return max(0.0, (steps - step) / max(1, steps - warmup))


def _decayed(network: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """The network's weights; those of layer norms, and biases, are not drawn towards 0."""
    parts = list(network.parameters())
    return [
        {"params": [part for part in parts if part.ndim > 1], "weight_decay": 0.01},
        {"params": [part for part in parts if part.ndim <= 1], "weight_decay": 0.0},
    ]


def _checkpoint(model: str, n_models: int) -> tuple[Any, Any]:
    """The pretrained network with a new last layer, and its tokenizer."""
    try:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError:
        raise MissingDependencyError.of("transformers", "torch") from None
    try:
        with silent():
            tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
            network = AutoModelForSequenceClassification.from_pretrained(
                model,
                num_labels=n_models,
                problem_type="multi_label_classification",
                ignore_mismatched_sizes=True,
                trust_remote_code=False,
            ).float()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise cannot_load("multilabel", model, error) from None
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise DataError(
            f"multilabel: {model!r} has no tokenizer of the library tokenizers; take another"
        )
    if network.config.pad_token_id is None:
        network.config.pad_token_id = 0
    return network, tokenizer


def _longest(wanted: int, tokenizer: Any, config: Any) -> int:  # noqa: ANN401
    """How many tokens the network can read, at most as many as wanted."""
    places = getattr(config, "max_position_embeddings", None)
    return int(min(wanted, tokenizer.model_max_length, places or wanted))


def _loss(network: Any, tokens: list[list[int]], scores: NDArray[np.float64]) -> Any:  # noqa: ANN401
    """Cross-entropy, averaged over the observed cells of a batch."""
    torch = import_torch()
    filled = padded(tokens, network.config.pad_token_id)
    ids, mask = (torch.from_numpy(part).to(network.device) for part in filled)
    seen = torch.tensor(~np.isnan(scores), device=network.device)
    truth = torch.tensor(np.nan_to_num(scores), dtype=torch.float32, device=network.device)
    z = network(input_ids=ids, attention_mask=mask).logits
    losses = torch.nn.functional.binary_cross_entropy_with_logits(z, truth, reduction="none")
    return (losses * seen).sum() / seen.sum().clamp(min=1)
