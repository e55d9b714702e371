"""The exact rules, in the order in which they are used. `code` is what they share. Pure.

Every rule looks at one function and gives the whole text after one change of it, or None. Changes
are made in the text, so comments and layout stay. They are exact under what the emitted code holds:
an attribute with a picture never leaves its range, and `self` is used by its attributes only.
"""

from __future__ import annotations

from slmcode.features.translation.rules.attributes import local_variables
from slmcode.features.translation.rules.code import Rule
from slmcode.features.translation.rules.forms import (
    augmented,
    formats,
    never_read,
    swapped,
    unused,
    used_at_once,
)
from slmcode.features.translation.rules.loops import leading_break, positive, range_loop

RULES = (
    Rule("no values that nothing reads", never_read),
    Rule("local variables for attributes that nothing else needs", local_variables),
    Rule("conditions at the head of loops", leading_break),
    Rule("conditions without not", positive, is_small=True),
    Rule("for loops over a range", range_loop),
    Rule("augmented assignments", augmented, is_small=True),
    Rule("no variable for what is used at once", used_at_once),
    Rule("values that change places at once", swapped),
    Rule("Python's own formats of numbers", formats),
    Rule("no data that nothing uses", unused, is_small=True),
)
