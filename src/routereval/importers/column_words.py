"""What the name of a column, or of a row, says of its cells: that they hold no model's scores.

Any column of numbers of a wide table may be a model's. What it is not must be known by its name: a
price, a key, a mean of the other columns, a metric. Names are compared word by word, whatever
stands between words: ``gpt-4o Cost ($)`` is a cost of gpt-4o.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SAYS = _words("""
    cost costs price prices spend spent usd eur gbp cents dollars latency duration runtime seconds
    secs ttft tpot temperature seed tokens toks length len words chars characters turn
    turns epoch rank confidence conf certainty uncertainty logprob logprobs loglikelihood
    likelihood prob probability entropy perplexity ppl loss nll wer cer error errors timestamp
    tstamp std stdev stderr variance refusal refused answer answers pred preds prediction
    predictions response responses output outputs completion winner label labels time index idx
    count number penalty params parameters
""")
"""Words that say, at the end of a name, what a column holds beside the score of a model."""

_SURE_SCORES = [[word, "score"] for word in ("confidence", "certainty", "uncertainty", "conf")]
"""Last two words of what says how sure an answer was, not how good."""

_MAY_SAY = _words("""
    ms se sd ll ci id valid parsed finished truncated
""")
"""Words that say so after the name of another model only."""

_WITH = _words("""
    s sec n k p low high lower upper min max total input prompt completion reasoning cached log
    probs
    rate num is of per call average avg mean median in out
""")
"""Words that say nothing by themselves, as there are models such as qwen-max and o3-high."""

_ALONE = _words("""
    average avg mean median std stdev dev variance total sum min max best worst oracle difficulty
    weight weights level year month day date time created updated timestamp votes count order
    position row rownum index idx id ids no nr version fold folds batch chunk shard page part shot
    shots flag valid invalid duplicate dup similarity toxicity readability discrimination guessing
    chance answer answers label labels gold target expected reference option options choice
    choices correct incorrect right wrong score scores accuracy acc subject category topic cluster
    domain code group language lang priority budget value pvalue agreement disagreement consensus
    spread range diff difference delta gap margin ratio share pct percent unnamed turn judge
    judges annotator annotators rater raters grader reviewer sno size complexity source type
    author license licence format tier style status state name url hash tag tags set dataset track
    section area field skill kind comment comments note notes n k evaluation eval true predicted
    checked reviewed verified pid uid qid uuid guid
""")
"""Words of which a name consists that names no model."""

_QUALIFIES = _words("""
    of at on by models llms all any pool ensemble multi single random question
""")
"""Words that name nothing by themselves, beside those of `_ALONE`."""

_SUMS_UP = _words("""
    average avg mean median total totals sum overall std stdev sd min max count accuracy
    durchschnitt mittelwert gesamt summe moyenne promedio media итого среднее 平均 合计
""")
_OF_A_SUM = _words("""
    score scores grand macro micro weighted of all models dev row acc
""")
_LONGEST_SUM = 40
_LONGEST_NAME = 300  # beyond it names are not taken apart
_PERCENTILES = frozenset({"25%", "50%", "75%"})

METRICS = _words("""
    f1 f1_score macro_f1 micro_f1 precision recall bleu sacrebleu bleu_4 rouge rouge1 rouge2
    rougel rouge_1 rouge_2 rouge_l rouge_lsum rougelsum bertscore bert_score bleurt comet meteor
    chrf ter mcc auc auroc ndcg mrr kappa helpfulness coherence fluency relevance faithfulness
    groundedness completeness conciseness consistency clarity harmlessness honesty informativeness
    win_rate winrate
    correctness factuality hallucination hallucinated safety empathy creativity tone usefulness
    truthfulness politeness professionalism originality specificity naturalness engagement
    actionability comprehensiveness thoroughness adherence instruction_following grammar
    persuasiveness harmfulness helpful harmless honest relevant coherent fluent faithful polite
    jailbroken
""")
"""Metrics that may each have a column."""

_FAMILIES = _words("""
    baichuan bloomz chatglm chatgpt davinci dbrx ernie guanaco hunyuan internlm koala moss openchat
    palmyra starling tulu zephyr
    alpaca claude codestral command deepseek falcon gemini gemma glm gpt grok haiku hermes kimi
    llama
    minimax ministral mistral mixtral nemotron olmo opus palm phi pixtral qwen qwq solar sonnet
    vicuna
    wizardlm yi
""")

_BENCHMARKS = _words("""
    agieval aime arc arc_c arc_challenge arc_e arc_easy bbh bfcl boolq ceval cmmlu commonsenseqa
    commonsense_qa copa drop gaia gpqa gpqa_diamond gsm8k hellaswag hle humaneval humaneval_plus
    ifeval lambada livebench livecodebench math math500 math_500 math_lvl_5 mbpp mbpp_plus mgsm
    mmlu mmlu_pro mmlu_redux mmmu mt_bench mtbench musr naturalquestions openbookqa piqa race
    simpleqa siqa squad swe_bench swe_bench_verified terminal_bench triviaqa truthfulqa winogrande
    xwinograd
""")

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
_SIGNS = str.maketrans({"$": " usd ", "€": " eur ", "£": " gbp ", "%": " pct ", "#": " n "})
_TUPLE = re.compile(r"""\((['"])(.*?)\1, (['"])(.*?)\3\)""")
_BRACKETED = re.compile(r"(.*?)\s*[(\[]([^()\[\]]*)[)\]]\s*")
_PASS_AT = re.compile(r"pass_?(?:at_?)?\d+")
_PROMPT_LIKE = re.compile(
    r"(?i)(?:q|p|prompt|question|item|task|sample|example|ex|id|case|test|problem)?[\W_]*\d+"
)
_SIZE = re.compile(r"\d+[bm]?$")
_OWNED = re.compile(r"[\w.-]+/[\w.-]+")
_BRACKETS = re.compile(r"\(.*?\)")
_COUNTS = re.compile(r"(?i)(?:n|num|nb|is|has|winner)_.|(?:number|count)[\W_]of|#\s*\w")
_LIKELY = re.compile(r"(?i)(.*?)[\W_]*(?:(?:p|prob)[_ ]correct|top[\W_]?[kp])")
_MAY_SUM_UP = re.compile(rf"(?i)[\W_]*(?:{'|'.join(sorted(_SUMS_UP | _OF_A_SUM))})|\d\d%")


def words_of(name: str) -> list[str]:
    """The words of a name, small; signs of currencies are words.

    >>> words_of("inputTokens"), words_of("Cost ($)"), words_of("o1-mini")
    (['input', 'tokens'], ['cost', 'usd'], ['o1', 'mini'])
    """
    return [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", name.translate(_SIGNS)))]


def plain_name(name: str) -> str:
    """A name as programs write it.

    >>> plain_name("Model Name"), plain_name("isCorrect"), plain_name("latency (ms)")
    ('model_name', 'is_correct', 'latency_ms')
    """
    return "_".join(words_of(name))


def unfolded_name(name: str) -> str:
    """A name without the brackets of a pair, of a unit, or of what it is of.

    >>> unfolded_name("('gpt', 'score')"), unfolded_name("gpt cost ($)"), unfolded_name("cost(gpt)")
    ('gpt_score', 'gpt cost_usd', 'cost_gpt')
    """
    if len(name) > _LONGEST_NAME:
        return name
    pair = _TUPLE.fullmatch(name)
    if pair is not None:
        return f"{pair[2]}_{pair[4]}"
    bracketed = _BRACKETED.fullmatch(name)
    if bracketed is not None:
        name = f"{bracketed[1]}_{bracketed[2].replace('$', 'usd')}"
    return re.sub(r"([a-z0-9])([A-Z][a-z]+)$", r"\1_\2", name.rstrip("?! "))


class Metadata(NamedTuple):
    """What a name says that names no model: of whom, empty where of none."""

    of: str


def metadata_in(name: str, others: Collection[str] = ()) -> Metadata | None:
    """What a name says if it names no model; None if it may name one.

    Args:
        name: a column's.
        others: names that may be models', of which a column such as ``NAME_time`` may tell.

    >>> metadata_in("temperature"), metadata_in("gpt_latency_s"), metadata_in("qwen-max")
    (Metadata(of=''), Metadata(of='gpt'), None)
    >>> metadata_in("gpt_ms"), metadata_in("gpt_ms", {"gpt"})
    (None, Metadata(of='gpt'))
    """
    words = words_of(name[: _LONGEST_NAME + 1])
    if words[:2] == ["best", "of"] or not words or len(name) > _LONGEST_NAME:
        return None
    plain = unfolded_name(name)
    if (likely := _LIKELY.fullmatch(plain)) is not None:
        return Metadata(likely[1])
    if _COUNTS.match(name) or words[-1] == "id" or _is_alone(words) or "vs" in words[1:-1]:
        return Metadata("")
    first = _WORD.match(plain)
    if first and first[0].lower() in _SAYS and plain[first.end() :][:1] in {*"_ .|:"}:
        return Metadata(plain[first.end() + 1 :])
    base, says, may_say = _cut(plain)
    if not base or not (says or may_say):
        return None
    # Names with an owner are models' whatever they end in, such as org/llama-3-epoch.
    known = base in others if "/" in base else says or (may_say and base in others)
    return Metadata(base) if known else None


def _is_alone(words: list[str]) -> bool:
    named = [word for word in words if not word.isdigit()]
    known = _ALONE | _SAYS | _MAY_SAY | _WITH | _QUALIFIES
    return all(word in known for word in named) and any(w in _ALONE | _SAYS for w in named)


def _cut(name: str) -> tuple[str, bool, bool]:
    """What is before the words at the end that say something; whether they do, or only may."""
    says = may_say = False
    end = len(name)
    found = list(_WORD.finditer(name))
    if [word[0].lower() for word in found[-2:]] in _SURE_SCORES:
        found.pop()
    for word in reversed(found):
        if word[0].lower() not in _SAYS | _MAY_SAY | _WITH:
            break
        says |= word[0].lower() in _SAYS
        may_say |= word[0].lower() in _MAY_SAY
        end = word.start()
    return name[:end].rstrip("_ .|:-/("), says, may_say


def is_metadata(name: str, others: Collection[str] = ()) -> bool:
    """Whether a column's name says that it holds no score; see `metadata_in`.

    >>> is_metadata("temperature"), is_metadata("gpt-4o_latency_s"), is_metadata("qwen-max")
    (True, True, False)
    """
    return metadata_in(name, others) is not None


def metric_of(name: str) -> str | None:
    """The metric that a name is; None if it is none.

    >>> metric_of("ROUGE-L"), metric_of("pass@5"), metric_of("gpt-4o")
    ('rouge_l', 'pass_5', None)
    """
    plain = plain_name(name)
    return plain if plain in METRICS or _PASS_AT.fullmatch(plain) else None


def split_metric(name: str) -> tuple[str, str] | None:
    """The model and the metric of a name such as ``gpt_rouge_l``; None if it is no such name."""
    plain = unfolded_name(name)
    words = list(_WORD.finditer(plain))
    for first in words[1:][-3:]:
        metric = metric_of(plain[first.start() :])
        if metric is not None:
            return plain[: first.start()].rstrip("_ .|:-/"), metric
    return None


def is_benchmark(name: str) -> bool:
    """Whether a name is a benchmark's.

    >>> is_benchmark("MMLU-Pro"), is_benchmark("q17")
    (True, False)
    """
    return plain_name(name) in _BENCHMARKS


def numbers_prompts(names: Iterable[str]) -> bool:
    """Whether at least two names, and half of them, are as prompts': q1, Question 3, 17."""
    held = list(names)
    n = sum(_PROMPT_LIKE.fullmatch(name.strip()) is not None for name in held)
    return n >= 2 and 2 * n >= len(held)


def are_models(names: Iterable[str]) -> bool:
    """Whether most names are of known families of models, or have an owner.

    >>> are_models(["gpt-4o", "Llama3-8B"]), are_models(["org/a", "b/c"]), are_models(["q1"])
    (True, True, False)
    """
    held = list(names)
    known = [
        _OWNED.fullmatch(n) or any(_SIZE.sub("", w) in _FAMILIES for w in words_of(n)) for n in held
    ]
    return 2 * sum(map(bool, known)) > len(held)


def sums_up(name: str) -> bool:
    """Whether a row is called as those are that sum up the others.

    >>> sums_up("Average score"), sums_up("Total (n=4)"), sums_up("q1"), sums_up("Mean ± SD")
    (True, True, False, True)
    """
    if not _MAY_SUM_UP.match(name) or len(name) > _LONGEST_SUM:
        return False
    if name.strip() in _PERCENTILES:
        return True
    words = words_of(_BRACKETS.sub("", name).replace("%", ""))
    known = all(word in _SUMS_UP or word in _OF_A_SUM for word in words)
    return known and any(word in _SUMS_UP for word in words)
