"""What people ask first has an answer: the question, its page, and what must stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"

QUESTIONS = [
    ("How do I read a CSV of my own?", "first-csv.md", "routereval info my.csv"),
    ("Which columns must it have?", "importers-tables.md", "a row per record: a column for the"),
    ("How do I read logs of lm-evaluation-harness?", "importers-logs.md", "import lm-eval out/"),
    ("How do I read logs of Inspect?", "importers-logs.md", "import inspect logs/"),
    ("Is routing worth it?", "is-it-worth-it.md", "The first line is the verdict."),
    ("Which router should I take?", "choose.md", "Begin with the default."),
    ("How do I test on more prompts?", "protocols.md", "Every prompt is tested once"),
    ("How do I use my own prices?", "prices.md", "--prices prices.toml --monthly 2M"),
    ("Can I count in another currency than USD?", "faq.md", "Nothing is converted."),
    ("Does it know latency?", "gateway.md", "A limit on latency leaves models out"),
    ("How do tokens become costs?", "curves.md", "list price × tokens"),
    ("What keeps my quality at the least cost?", "advise.md", "the cheapest that keeps the floor"),
    ("How do I choose lam?", "choose.md", "for the whole price of the dearest model. 0"),
    ("How do I deploy it?", "deploy.md", "terminationGracePeriodSeconds"),
    ("How do I bound who spends what?", "gateway-keys.md", "--usd-per-day 5"),
    ("How do some prompts stay with some models?", "gateway.md", 'require = ["eu"]'),
    ("How do I add a new model with few scores?", "new-model.md", "routereval extend my-router"),
    ("How do I see drift?", "watch.md", "routereval drift log/"),
    ("What do I save per month?", "advise.md", "says the USD saved a month"),
    ("Does it work with LiteLLM?", "deploy.md", "model: openai/auto"),
]


def words(text: str) -> str:
    return " ".join(text.split())


def test_there_are_twenty() -> None:
    assert len(dict.fromkeys(question for question, _, _ in QUESTIONS)) == 20


@pytest.mark.parametrize(("question", "page", "phrase"), QUESTIONS)
def test_a_question_has_its_answer(question: str, page: str, phrase: str) -> None:
    assert phrase in words((DOCS / page).read_text(encoding="utf-8")), question


@pytest.mark.parametrize("page", list(dict.fromkeys(page for _, page, _ in QUESTIONS)))
def test_the_page_of_questions_leads_to_each_answer(page: str) -> None:
    text = (DOCS / "faq.md").read_text(encoding="utf-8")
    assert page == "faq.md" or re.search(rf"\({re.escape(page)}[#)]", text)


def test_configurations_to_deploy_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("aiohttp")
    from routereval.gateway import read_config

    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-no-use")
    monkeypatch.setenv("LITELLM_KEY", "a-key-of-no-use")
    text = (DOCS / "deploy.md").read_text(encoding="utf-8")
    held = re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "gateway.toml").write_text("\n".join(held), encoding="utf-8")
    config = read_config(tmp_path / "gateway.toml")
    assert [upstream.name for upstream in config.upstreams] == ["large", "claude"]
