"""The vocabulary: every event of runfold's streams, one module a stream.

The stored `type` is the class name. The vocabulary is closed: streams of other categories take the types that their
users register, these streams take the types that are defined here. A class joins by being defined in one of the modules
below; nothing else names it.
"""

# ruff: noqa: F403, I001 - each class is exported by its name; the order of the modules is that of the vocabulary

from __future__ import annotations

from runfold.events.base import VOCABULARY as VOCABULARY
from runfold.events.base import Event as Event
from runfold.events.base import types_that_end as types_that_end
from runfold.events.base import types_that_move as types_that_move
from runfold.events.execution import *
from runfold.events.log import *
from runfold.events.interaction import *
from runfold.events.response import *
from runfold.events.deployment import *
from runfold.events.definition import *
from runfold.events.tenant import *

CATEGORIES = tuple(dict.fromkeys(event.category() for event in VOCABULARY.values()))
"""The closed categories: those of runfold's streams."""
