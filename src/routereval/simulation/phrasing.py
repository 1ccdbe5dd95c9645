"""Made-up questions whose wording gives away their subject and how hard they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Stock:
    """What a subject's sentences are made of.

    Attributes:
        plain: everyday nouns of the subject.
        learned: its rarer, longer nouns, which harder questions prefer.
        openings: first sentences.
        clauses: sentences that a longer question adds.
        questions: what is asked.

    ``{a}`` and ``{b}`` stand for nouns, ``{n}`` and ``{k}`` for numbers, ``{few}``
    for a small one, ``{year}`` for a year and ``{who}`` for a person.
    """

    plain: tuple[str, ...]
    learned: tuple[str, ...]
    openings: tuple[str, ...]
    clauses: tuple[str, ...]
    questions: tuple[str, ...]


def _nouns(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


PEOPLE = _nouns(
    "Amara, Bento, Chiyo, Dmitri, Elif, Farid, Greta, Hugo, Ines, Jamal, Kaja, Lior, Mei, Nuno, "
    "Oksana, Priya, Quentin, Rosa, Sefa, Tariq, Ulla, Viktor, Wanda, Yusuf, Zelda"
)

STOCKS: dict[str, Stock] = {
    "algebra": Stock(
        plain=_nouns(
            "equation, fraction, sum, unknown, product, formula, ratio, term, square, root, "
            "percentage, bracket, average, multiple, remainder, factor"
        ),
        learned=_nouns(
            "discriminant, eigenvalue, characteristic polynomial, logarithmic identity, quotient "
            "ring, permutation matrix, geometric progression, congruence class, resultant, "
            "irreducible factorisation, determinant, generating function, recurrence relation, "
            "bilinear form, symmetric polynomial, inverse modulo a prime"
        ),
        openings=(
            "The {a} has {n} as its leading value and the {b} is {k} times larger.",
            "{who} writes down the {a}, multiplies it by {n} and subtracts the {b}.",
            "Let x satisfy the {a} with constant {n}, and let y be the {b} with constant {k}.",
            "After solving for the {a}, {who} gets {n}, while the {b} comes out as {k}.",
        ),
        clauses=(
            "The {a} is then simplified until only {n} and the {b} remain.",
            "Every {a} greater than {n} is discarded, integers only.",
            "Adding {n} to the {a} leaves the {b} unchanged.",
            "Both sides are divided by the {a}, provided that x is not {n}.",
        ),
        questions=(
            "What value of x makes the {a} equal to {n}?",
            "How many integer solutions does the {a} have below {n}?",
            "What is the {a} when the {b} equals {n}?",
            "By which amount does the {a} exceed the {b}?",
        ),
    ),
    "geometry": Stock(
        plain=_nouns(
            "triangle, circle, rectangle, cube, angle, diagonal, radius, cone, ladder, pyramid, "
            "corner, cylinder, perimeter, slope, shadow, hexagon"
        ),
        learned=_nouns(
            "circumscribed ellipse, frustum, orthocentre, tetrahedron, hyperboloid, incircle, "
            "dodecahedron, annulus, parallelepiped, geodesic, cyclic quadrilateral, conic section, "
            "barycentric coordinate, stereographic projection, osculating circle, rhombic tiling"
        ),
        openings=(
            "The {a} is drawn with sides of {n} cm, touching the {b} at one point.",
            "{who} cuts the {a} along a line {n} cm away from the {b}.",
            "In the plane, the {a} encloses an area of {n} and the {b} lies inside it.",
            "The {a} is rotated by {n} degrees around the centre of the {b}.",
        ),
        clauses=(
            "A parallel through the {a} meets the {b} after {n} cm.",
            "The height above the {a} measures {n} cm.",
            "Reflecting the {a} doubles the area outside the {b}.",
            "Its longest edge is tangent to the {a}.",
        ),
        questions=(
            "What is the area between the {a} and the {b}?",
            "How long is the shortest path from the {a} to the {b}?",
            "Which angle does the {a} make with the base?",
            "What volume, in cubic cm, does the {a} fill?",
        ),
    ),
    "counting": Stock(
        plain=_nouns(
            "die, coin, card, marble, spinner, ticket, queue, sock, draw, raffle, team, guess, "
            "seat, bag, handshake, lottery"
        ),
        learned=_nouns(
            "derangement, binomial coefficient, Markov chain, martingale, multinomial outcome, "
            "hypergeometric sample, stochastic matrix, inclusion and exclusion term, posterior "
            "odds, conditional expectation, likelihood ratio, stationary distribution, pigeonhole "
            "bound, Poisson arrival, confidence interval, covariance estimate"
        ),
        openings=(
            "{who} picks one {a} out of {n} at random and then one {b} out of {k}.",
            "Each of {n} players receives the {a}, and {k} of them also hold the {b}.",
            "The {a} is repeated {n} times, independently of the {b}.",
            "A box holds {n} items, and the {a} is as likely as the {b}.",
        ),
        clauses=(
            "Nothing is put back after the {a}, so only {n} are left.",
            "Given the {a}, the odds of the {b} are {n} to {k}.",
            "Order does not matter for the {a}.",
            "Exactly {n} trials in a hundred end with the {a}.",
        ),
        questions=(
            "How likely is the {a} at least once in {n} attempts?",
            "In how many ways can the {a} be arranged?",
            "What is the expected number of trials before the {a} follows the {b}?",
            "Which outcome is more probable, the {a} or the {b}?",
        ),
    ),
    "physics": Stock(
        plain=_nouns(
            "ball, spring, cart, lamp, magnet, wire, pulley, mirror, lens, battery, pendulum, "
            "ramp, rocket, bell, kettle of water, iron bar"
        ),
        learned=_nouns(
            "interferometer, solenoid, gyroscope, calorimeter, superconducting ring, cyclotron, "
            "diffraction grating, waveguide, piezoelectric crystal, magnetometer, photomultiplier, "
            "torsion balance, thermocouple, dielectric slab, Carnot engine, quantum harmonic well"
        ),
        openings=(
            "The {a} moves at {n} metres per second when it reaches the {b}.",
            "A force of {n} newtons acts on the {a} while the {b} is held at rest.",
            "{who} heats the {a} by {n} kelvin and brings it into contact with the {b}.",
            "The {a} carries a charge and sits {n} cm away from the {b}.",
        ),
        clauses=(
            "Friction on the {a} takes away {n} joules of energy.",
            "The current through the {a} settles at {n} amperes.",
            "Air resistance is ignored, and so is the mass of the {a}.",
            "Its frequency rises to {n} hertz near the {b}.",
        ),
        questions=(
            "What happens to the momentum of the {a}?",
            "How much energy does the {a} hand over to the {b}?",
            "Which law explains the motion of the {a} best?",
            "How far does the {a} travel within {n} seconds?",
        ),
    ),
    "biology": Stock(
        plain=_nouns(
            "leaf, frog, seed, root, finch, worm, trout, fern, bee, moss, mouse, egg, flower, "
            "snail, lizard, oak"
        ),
        learned=_nouns(
            "mitochondrion, ribosome, chloroplast, endosperm, lysosome, nephron, plasmid, "
            "centriole, phagocyte, osteoclast, cyanobacterium, telomerase, bacteriophage, "
            "nematocyst, synaptic vesicle, haploid gametophyte"
        ),
        openings=(
            "In a warm pond, the {a} lives beside the {b} for about {n} days.",
            "{who} keeps the {a} in the dark for {n} hours and the {b} in sunlight.",
            "A cell extract from the {a} is mixed with tissue of the {b} at {n} degrees.",
            "Over {n} generations, the {a} has grown more common than the {b}.",
        ),
        clauses=(
            "A gene active in the {a} is silent in the {b}.",
            "Oxygen uptake of the {a} falls by {n} percent.",
            "Predators prefer the {a} during spring.",
            "The population around the {a} is counted every {n} weeks.",
        ),
        questions=(
            "Which adaptation helps the {a} survive?",
            "What does the {a} most likely supply to the {b}?",
            "Why does the {a} respond before the {b}?",
            "Which organism would be harmed first if the {a} vanished?",
        ),
    ),
    "law": Stock(
        plain=_nouns(
            "contract, landlord, will, witness, lease, fine, judge, promise, tenant, claim, deed, "
            "receipt, warrant, insurer, neighbour, deposit"
        ),
        learned=_nouns(
            "promissory estoppel, tortfeasor, easement, injunction, fiduciary, subrogation, "
            "indemnity clause, usufruct, lien, novation, demurrer, adverse possession, statutory "
            "limitation, mens rea, bona fide purchaser, jurisdictional immunity"
        ),
        openings=(
            "{who} signs an agreement that mentions the {a} but not the {b}.",
            "A court hears a dispute over the {a}, worth {n} thousand, and the {b}.",
            "Under section {n}, the {a} must be disclosed together with the {b}.",
            "The plaintiff relies on the {a}; the defendant answers with the {b}.",
        ),
        clauses=(
            "Notice of the {a} was given {n} days too late.",
            "An earlier ruling had set aside the {a} in favour of the {b}.",
            "Neither party told the other about the {a}.",
            "The statute treats the {a} as evidence for {n} months.",
        ),
        questions=(
            "Who is liable for the {a}?",
            "Which defence defeats the {a} most clearly?",
            "Is the {a} enforceable against the {b}?",
            "What remedy should the court grant for the {a}?",
        ),
    ),
    "history": Stock(
        plain=_nouns(
            "king, army, trade route, treaty, harbour, empire, farm, fleet, church, revolt, "
            "railway, market, parliament, colony, castle, mine"
        ),
        learned=_nouns(
            "suzerainty, mercantilism, interregnum, guild charter, conscription edict, caliphate, "
            "manorial court, plebiscite, oligarchy, armistice commission, dynastic succession, "
            "iconoclasm, tributary system, enclosure movement, protectorate, schism"
        ),
        openings=(
            "Around the year {year}, the {a} began to overshadow the {b}.",
            "A chronicle of {year} blames the {a} for the fall of the {b}.",
            "{who} reads a letter from {year} in which a merchant praises the {a}.",
            "Within {n} years the {a} had spread along the coast beyond the {b}.",
        ),
        clauses=(
            "Taxes on the {a} were raised in {year}.",
            "Nobles who had opposed the {a} turned to the {b}.",
            "Migration changed the {a} for {n} decades.",
            "Later historians doubt that the {a} mattered in that century.",
        ),
        questions=(
            "What was the chief cause of the {a}?",
            "Which group gained most from the {a}?",
            "How did the {a} change the {b} over the century?",
            "Which event came first, the {a} or the {b}?",
        ),
    ),
    "coding": Stock(
        plain=_nouns(
            "loop, list, function, string, file, variable, button, table, counter, password, "
            "test, menu, script, integer, folder, printer"
        ),
        learned=_nouns(
            "mutex, closure, hash collision, garbage collector, memoised recursion, topological "
            "sort, race condition, red-black tree, coroutine, tail call, bytecode verifier, "
            "cache invalidation, gradient descent step, regularisation term, finite automaton, "
            "type inference"
        ),
        openings=(
            "The program reads {n} lines, stores the {a} and then prints the {b}.",
            "{who} debugs a server where the {a} blocks the {b} for {n} milliseconds.",
            "Given an array of length {n}, the {a} is updated before the {b}.",
            "Version {n} of a library replaces the {a} by the {b}.",
        ),
        clauses=(
            "The {a} is called {n} times with the same argument.",
            "Memory grows whenever the {a} touches the {b}.",
            "An exception in the {a} is silently ignored.",
            "The input may hold up to {n} million bytes.",
        ),
        questions=(
            "What does the {a} return?",
            "Which change makes the {a} faster without breaking the {b}?",
            "What is the running time of the {a} for large inputs?",
            "Why does the {a} crash after {n} iterations?",
        ),
    ),
    "language": Stock(
        plain=_nouns(
            "sentence, verb, poem, letter, word, story, title, rhyme, comma, paragraph, speech, "
            "note, name, joke, adjective, pronoun"
        ),
        learned=_nouns(
            "synecdoche, subjunctive, antecedent, gerund, anaphora, enjambment, clitic, litotes, "
            "palindrome, zeugma, presupposition, modal auxiliary, iambic foot, dangling "
            "participle, metonymy, implicature"
        ),
        openings=(
            "{who} replaces the {a} in the second line and keeps the {b}.",
            "The writer repeats the {a} {n} times to stress the {b}.",
            "In this draft of {n} words, the {a} points back to the {b}.",
            "A translator reads the {a} aloud because the {b} sounds ambiguous.",
        ),
        clauses=(
            "The {a} is meant ironically.",
            "Readers of the earlier version missed the {a} entirely.",
            "Without the {a}, the meaning of the {b} is reversed.",
            "The editor marks {n} places where the {a} could stand.",
        ),
        questions=(
            "What does the {a} refer to?",
            "Which rewording of the {a} keeps the tone?",
            "Does the {a} fit the {b} grammatically?",
            "How would you continue after the {a}?",
        ),
    ),
    "everyday": Stock(
        plain=_nouns(
            "kettle, bicycle, basket, umbrella, shoe box, garden hose, lunch, key, blanket, "
            "bucket, sandwich, bus, coat, suitcase, candle, fridge"
        ),
        learned=_nouns(
            "mortgage instalment, itinerary, dehumidifier, trellis, allotment, thermostat "
            "schedule, boarding pass, upholstery, sourdough starter, spirit level, tax return, "
            "pressure cooker, childcare rota, roof gutter, fuse cabinet, bicycle derailleur"
        ),
        openings=(
            "{who} leaves the {a} in the kitchen and takes the {b} to the car.",
            "A family of {n} shares the {a} and pays {k} coins for the {b}.",
            "It starts to rain while {who} is carrying the {a} past the {b}.",
            "Before dinner, {who} moves the {a} next to the {b}.",
        ),
        clauses=(
            "Nobody else in the house has seen the {a}.",
            "The {a} is too heavy to lift with one hand.",
            "A friend arrives {n} minutes later and asks for the {b}.",
            "The shop sells the {a} for {n} coins each.",
        ),
        questions=(
            "Where will {who} look for the {a} first?",
            "What should {who} do next with the {a}?",
            "How many coins are left after buying the {a}?",
            "Why would the {a} be needed before the {b}?",
        ),
    ),
}

SUBJECTS = tuple(STOCKS)

CLOSINGS: dict[str, tuple[str, ...]] = {
    "choice": (
        "Pick the best of the answers listed.",
        "Choose exactly one option.",
        "Only one of the given answers is right.",
        "Answer with the letter of one option.",
    ),
    "free": (
        "Show the steps and end with the final result.",
        "Give the final answer on a line of its own.",
        "Explain briefly, then state the result.",
    ),
    "instruction": (
        "Answer in exactly {few} sentences and avoid commas.",
        "Reply in lower case only, using at most {few}0 words.",
        "Finish with a list of {few} points, each on its own line.",
        "Mention the {a} at least {few} times and use no bold type.",
    ),
}

_MAX_CLAUSES = 2
_UNIFORMS_A_PROMPT = 64  # the longest prompt takes 44


def write_prompts(
    rng: np.random.Generator,
    subjects: NDArray[np.floating],
    hardness: NDArray[np.floating],
    closings: Sequence[str],
) -> list[str]:
    """Write one question a row.

    The opening is about the prompt's main subject, every later sentence about a subject drawn in
    proportion to its share. A harder prompt has more clauses and more learned nouns.

    Args:
        rng: where the wording is drawn from.
        subjects: (n_prompts, len(SUBJECTS)), rows sum to 1: each subject's share of the prompt.
        hardness: (n_prompts,), about standard normal.
        closings: last sentences to choose from, such as ``CLOSINGS["choice"]``.

    Returns:
        n_prompts texts of some 20 to 70 words.

    >>> about_law = np.eye(len(SUBJECTS))[[SUBJECTS.index("law")]]
    >>> [text] = write_prompts(np.random.default_rng(1), about_law, np.zeros(1), ["Choose one."])
    >>> text.endswith("Choose one.")
    True
    """
    noise = 0.5 * rng.standard_normal(len(hardness))
    n_clauses = np.clip(np.rint(1.0 + 0.7 * hardness + noise), 0, _MAX_CLAUSES).astype(int)
    p_learned = 1.0 / (1.0 + np.exp(-1.5 * hardness))
    uniforms = rng.random((len(hardness), _UNIFORMS_A_PROMPT)).tolist()
    rows = zip(
        uniforms,
        subjects.argmax(axis=1).tolist(),
        np.cumsum(subjects, axis=1).tolist(),
        n_clauses.tolist(),
        p_learned.tolist(),
        strict=True,
    )
    return [
        _Writer(draws, shares, learned).write(main, clauses, closings)
        for draws, main, shares, clauses, learned in rows
    ]


class _Writer:
    """Writes one prompt, taking its chances from a row of uniforms (drawing singly is slow)."""

    def __init__(self, draws: list[float], shares: list[float], p_learned: float) -> None:
        self._next = iter(draws).__next__
        self._shares = shares
        self._p_learned = p_learned
        self._who = self._pick(PEOPLE)

    def write(self, main: int, n_clauses: int, closings: Sequence[str]) -> str:
        stock = STOCKS[SUBJECTS[main]]
        sentences = [self._fill(stock.openings, stock)]
        for _ in range(n_clauses):
            stock = self._stock()
            sentences.append(self._fill(stock.clauses, stock))
        stock = self._stock()
        sentences.append(self._fill(stock.questions, stock))
        sentences.append(self._fill(closings, stock))
        return " ".join(sentences)

    def _fill(self, templates: Sequence[str], stock: Stock) -> str:
        a = self._noun(stock)
        b = self._noun(stock, unlike=a)
        n, k = self._number(), self._number()
        year, few = 1100 + int(800 * self._next()), 2 + n % 5
        template = self._pick(templates)
        return template.format(a=a, b=b, n=n, k=k, few=few, year=year, who=self._who)

    def _stock(self) -> Stock:
        at = self._next()
        for subject, upto in zip(SUBJECTS, self._shares, strict=True):
            if at < upto:
                return STOCKS[subject]
        return STOCKS[SUBJECTS[-1]]

    def _noun(self, stock: Stock, unlike: str = "") -> str:
        nouns = stock.learned if self._next() < self._p_learned else stock.plain
        at = int(self._next() * len(nouns))
        return nouns[at - 1] if nouns[at] == unlike else nouns[at]

    def _number(self) -> int:
        return 2 + int(95 * self._next() ** 2)

    def _pick(self, options: Sequence[str]) -> str:
        return options[int(self._next() * len(options))]
