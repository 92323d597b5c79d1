"""The cost of filters.

A term is compared with each task of a list, and a label with each label of each task. A search
first reads an index, and then all tasks that it finds. `make bench-filters` measures them.
"""

from collections.abc import Iterator

from duly.filter_language.errors import FilterError
from duly.filter_language.expressions import And, Expression, Named, Not, Or, Search

MAX_COST = 50
"""A term costs 1, a search 35 more, each label that a name matches 1 more, but at least 1 for each
name, and each hundred lists or sections 1 more.
"""
_SEARCH_COST = 35


def is_search(expression: Expression) -> bool:
    """Return whether a filter consists of searches only, which is one search."""
    match expression:
        case Search():
            return True
        case Not(item):
            return is_search(item)
        case And(items) | Or(items):
            return all(map(is_search, items))
        case _:
            return False


def cost(expression: Expression) -> int:
    """Return the cost of a filter whose names match nothing, or one label each."""
    return _terms(expression) + _SEARCH_COST * len(list(_searches(expression)))


def check_cost(expression: Expression) -> None:
    """Raise `FilterError`, at its last search or label, if a filter costs too much in any case."""
    if cost(expression) > MAX_COST:
        raise too_costly(max(*_searches(expression), *_labels(expression), -1))


def too_costly(position: int) -> FilterError:
    """Return the error of a filter that costs too much because of what is at this position."""
    return FilterError(
        f"Expected a filter that costs at most {MAX_COST}: each term costs 1, a search "
        f"{_SEARCH_COST} more, each label that a name matches 1 more, at least 1 for each name, and "
        "each hundred lists or sections 1 more",
        position,
    )


def _terms(expression: Expression) -> int:
    match expression:
        case And(items) | Or(items):
            return sum(map(_terms, items))
        case Not(item):
            return _terms(item)
        case Named("label", name) if name:
            return 2
        case _:
            return 1


def _labels(expression: Expression) -> Iterator[int]:
    """Yield where each name of a label begins."""
    match expression:
        case And(items) | Or(items):
            for item in items:
                yield from _labels(item)
        case Not(item):
            yield from _labels(item)
        case Named("label", position=position):
            yield position


def _searches(expression: Expression) -> Iterator[int]:
    """Yield where each search begins. Those that `&` or `|` joins directly are one."""
    match expression:
        case Search(position=position):
            yield position
        case Not(item):
            yield from _searches(item)
        case And(items) | Or(items):
            joined = [item for item in items if is_search(item)]
            for item in joined[:1]:
                yield next(_searches(item))
            for item in items:
                if item not in joined:
                    yield from _searches(item)
