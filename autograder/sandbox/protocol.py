"""The kinds of messages between grader and worker, and how long their texts may be.

A message is a list: its kind, an id, its fields. The grader draws request ids at random, so that no reply
can be written in advance; the worker's callbacks name the request under which they are made.
"""

from __future__ import annotations

# grader -> worker
SETUP = 1  # [SETUP, id, code and limits (dict), stand-ins (dict of references)]
CALL = 2  # [CALL, id, target, member, args, kwargs, freed handles]
GET = 3  # [GET, id, target, name, freed handles]
SET = 4  # [SET, id, target, name, value, freed handles]
RETURN = 5  # [RETURN, callback id, value]
RAISE = 6  # [RAISE, callback id, type name, message]

# worker -> grader
CELL = 11  # [CELL, setup id, cell id]: this cell runs next
READY = 12  # [READY, setup id, errors, names]
RESULT = 13  # [RESULT, request id, value]
IS_CALLABLE = 14  # [IS_CALLABLE, request id]: what GET found is to be called
ERROR = 15  # [ERROR, request id, type name, message, traceback, callback id or 0]
MISSING = 16  # [MISSING, request id, name, nearest name]
NO_MEMORY = 17  # [NO_MEMORY, request id]
CALLBACK = 18  # [CALLBACK, callback id, request id, trusted id, member, args, kwargs]
FETCH = 19  # [FETCH, callback id, request id, trusted id, attribute]

MAIN = 0  # the target that is the submission's own namespace; others are handle ids

NAME_CHARS = 200
MESSAGE_CHARS = 2_000
TRACEBACK_CHARS = 8_000
NESTING = 40  # calls within callbacks within calls

EXIT_NO_MEMORY = 86  # the worker could not even say that it ran out of memory
EXIT_SETUP = 87  # the worker could not be set up; the reason is on its output
EXIT_DONE = 0
