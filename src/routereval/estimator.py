"""scikit-learn's estimator contract, kept without importing scikit-learn, which takes seconds.

The constructor stores its keyword arguments and nothing else; what is learned ends in ``_``. So
`get_params`, `set_params`, scikit-learn's ``clone`` and its pipelines work on an `Estimator`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar

from routereval.errors import unknown
from routereval.parameters import Rule, check_parameters
from routereval.registry import defaults

T = TypeVar("T")


class Estimator:
    """What routers and embedders share.

    Class attributes:
        allowed: the rule of each parameter, by name; what has none may be anything.
        label: by what errors call it, where that is not its class's name in lower case.

    >>> class Shrunk(Estimator):
    ...     def __init__(self, *, by=0.5, how="mean"):
    ...         self.by, self.how = by, how
    >>> Shrunk(by=2).set_params(how="median")
    Shrunk(by=2, how='median')
    >>> Shrunk().get_params()
    {'by': 0.5, 'how': 'mean'}
    """

    allowed: ClassVar[Mapping[str, Rule]] = {}
    label: ClassVar[str] = ""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name.

        Args:
            deep: also those of parameters that are estimators themselves, as ``name__theirs``.
        """
        found: dict[str, Any] = {}
        for name in sorted(defaults(type(self))):
            value = found[name] = getattr(self, name)
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                found |= {f"{name}__{key}": held for key, held in value.get_params().items()}
        return found

    def set_params(self, **params: Any) -> Self:  # noqa: ANN401 - the values are the estimator's
        """Set parameters by name, those of an estimator within as ``name__theirs``.

        Raises:
            SpecError: if there is no such parameter.
        """
        known = defaults(type(self))
        for key, value in params.items():
            name, _, inner = key.partition("__")
            if name not in known:
                raise unknown(f"parameter of {type(self).__name__}", name, known)
            if inner:
                getattr(self, name).set_params(**{inner: value})
            else:
                setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        changed = [
            f"{name}={getattr(self, name)!r}"
            for name, default in sorted(defaults(type(self)).items())
            if repr(getattr(self, name)) != repr(default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from sklearn.utils import estimator_html_repr

        return str(estimator_html_repr(self))

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 - a record of scikit-learn
        """What scikit-learn asks of the members of its pipelines."""
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False))

    def _label(self) -> str:
        return vars(type(self)).get("label") or type(self).__name__.lower()

    def _check_parameters(self) -> None:
        """Raise SpecError for a parameter that is not what its rule allows."""
        check_parameters(self._label(), vars(self), self.allowed)

    def _is_fitted(self) -> bool:
        return any(name.endswith("_") and not name.startswith("_") for name in vars(self))

    def _check_fitted(self) -> None:
        """Raise scikit-learn's NotFittedError unless something was learned."""
        if not self._is_fitted():
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(
                f"this {type(self).__name__} is not fitted yet; call fit before it is used"
            )


def unfitted(thing: T) -> T:
    """A copy of the same parameters that has learned nothing: scikit-learn's ``clone``.

    >>> unfitted(Estimator())
    Estimator()
    """
    from sklearn.base import clone

    copy: T = clone(thing)
    return copy
