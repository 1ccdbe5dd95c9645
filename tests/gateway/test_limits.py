"""The arithmetic of limits, whatever workers do and whenever they die."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routereval.gateway.access.authenticator import BudgetLease
from routereval.gateway.access.limits import LOST_S, DailyBudget, RequestBucket


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 20)), max_size=40), st.integers(1, 600))
def test_a_bucket_gives_no_more_than_its_rate(
    asked: list[tuple[float, int]], per_minute: int
) -> None:
    bucket, now, given_all = RequestBucket(float(per_minute), 0.0), 0.0, 0
    for pause, wanted in asked:
        now += pause
        given, bucket = bucket.taken(per_minute, wanted, now)
        assert 0 <= given <= wanted
        given_all += given
        assert given_all <= per_minute + now * per_minute / 60 + 1e-6


def test_a_clock_that_goes_back_gives_nothing_for_free() -> None:
    given, bucket = RequestBucket(1.0, 100.0).taken(60, 1, now=50.0)
    assert given == 1
    assert bucket.taken(60, 1, now=100.0)[0] == 0


steps = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["reserve", "settle", "write", "die"]),
        st.integers(1, 40),
        st.floats(0, 10),
    ),
    max_size=60,
)


class Workers:
    """Three workers of one ledger, each of whose requests costs half of what it reserved."""

    budget = 200

    def __init__(self) -> None:
        self.ledger = DailyBudget()
        self.purses = {worker: BudgetLease(("key", 0)) for worker in "abc"}
        self.under_way: dict[str, list[int]] = {worker: [] for worker in "abc"}
        self.paid = 0

    def reserve(self, worker: str, amount: int, now: float) -> None:
        lease = self.purses[worker]
        if lease.free < amount:
            missing = amount - lease.free
            lease.free += self.ledger.take(worker, self.budget, missing, 2 * amount, now)
        if lease.free >= amount:
            lease.free, lease.reserved = lease.free - amount, lease.reserved + amount
            lease.used = True
            self.under_way[worker].append(amount)

    def settle(self, worker: str, amount: int, now: float) -> None:
        if not self.under_way[worker]:
            return
        lease, reserved = self.purses[worker], self.under_way[worker].pop()
        lease.reserved -= reserved
        lease.free += reserved - reserved // 2
        lease.spent += reserved // 2
        self.paid += reserved // 2

    def write(self, worker: str, amount: int, now: float) -> None:
        if (report := self.purses[worker].report(now)) is not None:
            self.ledger.write(worker, report.spent, report.back, now)

    def die(self, worker: str, amount: int, now: float) -> None:
        self.paid -= self.purses[worker].spent  # what was not yet written is lost, and no more
        self.purses[worker], self.under_way[worker] = BudgetLease(("key", 0)), []


@given(steps)
def test_what_is_spent_never_exceeds_the_budget(
    steps: list[tuple[str, str, int, float]],
) -> None:
    """However workers interleave, and whenever they die; all that was written adds up."""
    workers, now = Workers(), 0.0
    for worker, step, amount, pause in steps:
        now += pause
        getattr(workers, step)(worker, amount, now)
        assert workers.ledger.spent <= workers.paid
        held = sum(amount for amount, _ in workers.ledger.held.values())
        assert workers.ledger.spent + held <= workers.budget
    for worker in "abc":
        workers.write(worker, 0, now)
    assert workers.ledger.spent == workers.paid <= workers.budget


def test_what_a_dead_worker_held_is_free_again() -> None:
    ledger = DailyBudget()
    assert ledger.take("dead", 100, 90, 90, now=0) == 90
    assert ledger.take("alive", 100, 20, 20, now=1) == 0
    assert ledger.take("alive", 100, 20, 20, now=LOST_S + 2) == 20


def test_any_number_of_workers_gets_a_part_of_a_budget() -> None:
    ledger, budget, need = DailyBudget(), 10**15, 10**6
    given = [ledger.take(f"w{n}", budget, need, budget // 100, now=0) for n in range(1_000)]
    assert min(given) >= need
    assert sum(given) <= budget


def test_a_bill_that_was_not_written_is_kept() -> None:
    lease = BudgetLease(("key", 0), free=-3, spent=10)
    report = lease.report(1.0)
    assert report == (10, -3)
    assert (lease.free, lease.spent) == (0, 0)
    lease.unwritten(report)
    assert (lease.free, lease.spent) == (-3, 10)
