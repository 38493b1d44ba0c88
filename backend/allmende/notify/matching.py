"""Which subscriptions a message meets: by fingerprints of parameters, so that the database finds them by one index.

A subscription has one fingerprint, of the parameters that it names. A message has those of all combinations that it
meets: for each parameter either nothing, or one of its values (of an ordered one: its value, or any below it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import product

from allmende.errors import InputError
from allmende.topic import Parameter, Topic

MAX_COMBINATIONS = 500
Facts = Mapping[str, str | Sequence[str]]
"""Parameter → the value that a message is about, or several: all categories of an event."""


def fingerprint(topic: Topic, given: Mapping[str, str]) -> str:
    """Of a subscription; parameters that are empty count as not given. InputError where one cannot be used."""
    for name, value in given.items():
        parameter = topic.parameter(name)
        if parameter is None:
            known = ", ".join(one.name for one in topic.parameters) or "none"
            raise InputError(f"parameters: {topic.name} has no parameter {name[:50]!r}; it has {known}")
        if value and parameter.values and value not in parameter.values:
            raise InputError(f"parameters.{name}: must be one of {', '.join(parameter.values)}")
        if len(value) > 200:
            raise InputError(f"parameters.{name}: at most 200 characters")
    for parameter in topic.parameters:
        if parameter.required and not given.get(parameter.name):
            raise InputError(f"parameters.{parameter.name}: is needed for {topic.name}")
    return _digest({name: value for name, value in given.items() if value})


def fingerprints(topic: Topic, facts: Facts) -> list[str]:
    """Of a message about these facts. ValueError where the plugin names none of the topic's parameters or values."""
    for name in facts:
        if topic.parameter(name) is None:
            raise ValueError(f"topic {topic.name} has no parameter {name!r}")
    choices = [_choices(parameter, facts.get(parameter.name, ())) for parameter in topic.parameters]
    number = 1
    for choice in choices:
        number *= len(choice)
    if number > MAX_COMBINATIONS:
        raise ValueError(f"a message of {topic.name} meets {number} combinations of parameters: give fewer values")
    names = [parameter.name for parameter in topic.parameters]
    return [
        _digest({name: value for name, value in zip(names, chosen, strict=True) if value})
        for chosen in product(*choices)
    ]


def _choices(parameter: Parameter, given: str | Sequence[str]) -> list[str]:
    values = dict.fromkeys([given] if isinstance(given, str) else given)
    if parameter.values and (strange := values.keys() - set(parameter.values)):
        raise ValueError(f"parameter {parameter.name} has no value {sorted(strange)[0]!r}")
    if parameter.ordered and values:
        highest = max(parameter.values.index(value) for value in values)
        return ["", *parameter.values[: highest + 1]]
    return ["", *values]


def _digest(given: Mapping[str, str]) -> str:
    text = "\x1e".join(f"{name}\x1f{' '.join(value.split()).casefold()}" for name, value in sorted(given.items()))
    return blake2b(text.encode(), digest_size=16).hexdigest()
