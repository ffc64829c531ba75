from __future__ import annotations

import textwrap

import numpy as np
import pytest

from autograder.course import Limits
from autograder.sandbox import Cell, MissingName, WorkerDied, WorkerOutOfMemory
from autograder.sandbox.loader import is_definition, load, new_module, without_magics
from autograder.sandbox.supervisor import defined_names

LOAD = Limits(cpu_s=0.5, wall_s=60, memory_mb=256, threads=8, output_kb=8)  # of CPU time: a busy machine changes nothing


def added(source):
    return Cell("added", textwrap.dedent(source), "added", label="cell 9")


def test_a_cell_that_fails_costs_itself_only(start):
    worker = start("def f(:\n    pass", "A = 1", "B = A + undefined", "def g(): return A")
    assert [(e.cell_id, e.type_name, e.label) for e in worker.load.errors] == [
        ("c0", "SyntaxError", "cell 0"), ("c2", "NameError", "cell 2"),
    ]  # fmt: skip
    assert "name 'undefined' is not defined" in worker.load.errors[1].message
    assert 'File "cell 2", line 1' in worker.load.errors[1].traceback_text
    assert "B = A + undefined" in worker.load.errors[1].traceback_text
    assert worker.student.g() == 1 and "g" in worker.load.names


def test_what_a_failing_cell_defines_after_its_failure_is_kept(start):
    worker = start("def f(): return 1\nprint(no_such_name)\ndef g(): return 2\nprint('not run')")
    assert worker.student.f() == 1 and worker.student.g() == 2
    assert worker.stdout == ""


def test_a_function_in_a_cell_that_did_not_load_is_missing_for_that_reason(start):
    worker = start("def solve(x):\n    return x +")
    with pytest.raises(MissingName) as caught:
        worker.student.solve(1)
    assert "no function `solve`: cell 0 defines it and did not load (SyntaxError: " in str(caught.value)
    assert caught.value.cell_error.cell_id == "c0"


def test_exit_and_interrupt_cost_one_cell(start):
    worker = start("import sys\nsys.exit(0)", "raise KeyboardInterrupt", "def f(): return 1")
    assert [e.type_name for e in worker.load.errors] == ["SystemExit", "KeyboardInterrupt"]
    assert worker.student.f() == 1


def test_added_cells_keep_definitions_and_constants_only(start):
    worker = start(
        added(
            """
            import numpy as np
            GAMMA = 0.9
            WEIGHTS = np.array([1, 2]) * GAMMA
            def helper(x): return x * GAMMA
            square = lambda x: x ** 2
            history = train()
            for i in range(3): print(i)
            print("training")
            """
        )
    )
    assert worker.load.errors == () and worker.stdout == ""
    assert worker.student.helper(2) == 1.8 and worker.student.square(3) == 9
    assert np.array_equal(worker.student.WEIGHTS, [0.9, 1.8])
    assert not hasattr(worker.student, "history")


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("import numpy", True),
        ("x: int = 3", True),
        ("a, b = 1, -2.5", True),
        ("P = namedtuple('P', 'x y')", True),
        ("half = np.pi / 2", True),
        ("table = {'a': [1, 2], **other}", True),
        ("'a docstring'", True),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None", True),
        ("class A(B):\n    x = f()", True),
        ("x: int", False),
        ("x = f()", False),
        ("x = [g(i) for i in y]", False),
        ("x += 1", False),
        ("f()", False),
        ("while True: pass", False),
        ("try:\n    f()\nfinally:\n    pass", False),
    ],
)
def test_a_definition_is_told_from_work(source, kept):
    import ast

    assert is_definition(ast.parse(source).body[0]) is kept


def test_an_endless_cell_costs_its_work_and_not_its_definitions(start):
    worker = start(
        "def f(): return 1", "def g(): return 2\nwhile True: pass", "def h(): return f() + g()", load_limits=LOAD
    )
    assert worker.student.h() == 3
    (error,) = worker.load.errors
    assert (error.cell_id, error.type_name, error.defines) == ("c1", "TimedOut", ("g",))
    assert error.message == "it used more than 0.5 s of CPU time; it was at cell 1, line 2, in <module>"
    assert worker.load.lost_cells == ("c1",) and worker.load.hung_cell == "c1" and not worker.load.crashed_cell


def test_what_was_lost_before_is_skipped_at_once(start):
    sources = ("def f(): return 1", "def g(): return 2\nwhile True: pass")
    worker = start(*sources, load_limits=LOAD, skip_cells=["c1"])
    assert worker.student.g() == 2
    assert worker.load.errors[0].type_name == "Skipped" and worker.load.lost_cells == ("c1",)
    with pytest.raises(ValueError, match="skip_cells names 'c7'"):
        start(*sources, skip_cells=["c7"])


def test_cells_that_crash_or_eat_memory_are_left_out_one_after_the_other(start):
    worker = start(
        "import os\nos._exit(0)",
        "x = []\nwhile True: x.append(bytes(10**7))",
        "class A:\n    import ctypes\n    ctypes.string_at(0)",
        "def f(): return 1",
    )
    assert worker.student.f() == 1
    kinds = [(e.cell_id, e.type_name) for e in worker.load.errors]
    # Memory spent in a cell is a MemoryError of that cell; the class body dies in its definition, twice.
    assert kinds == [("c0", "Crashed"), ("c1", "MemoryError"), ("c2", "Crashed")]
    assert worker.load.lost_cells == ("c0", "c2", "c2") and worker.load.crashed_cell == "c0"


def test_a_submission_that_dies_again_and_again_is_given_up(start):
    with pytest.raises(WorkerDied) as caught:
        start(*["import os\nos._exit(1)"] * 6)
    assert caught.value.cell_id == "c4"


def test_a_cell_in_which_memory_cannot_even_be_told_of_names_itself(start):
    with pytest.raises(WorkerOutOfMemory):
        start("def f():\n    x = []\n    while True: x.append(bytes(10**6))").student.f()


def test_the_notebooks_own_checks_are_silent(start):
    worker = start("from autograder import check, submit\ncheck('1.1')\nsubmit()", "def f(): return 1")
    assert worker.load.errors == () and worker.stdout == "" and worker.student.f() == 1


def test_magics_and_displays_do_not_stop_a_cell(start):
    worker = start("%matplotlib inline\n!pip install torch\nx = 5\ndisplay(x)\nif x:\n    %time x\n", "get_ipython()")
    assert worker.load.errors == () and worker.student.x == 5


def test_only_what_is_not_python_is_blanked():
    assert without_magics("x = 7\ny = (x\n  % 3)") == "x = 7\ny = (x\n  % 3)"
    assert without_magics('s = """\n%time\n"""') == 's = """\n%time\n"""'
    assert without_magics("%%time\nx = 1") == "pass\nx = 1"
    assert without_magics("%%bash\nls") == ""
    assert without_magics("x = = %") == "x = = %"


def test_future_imports_hold_for_later_cells():
    module = new_module()
    cells = [Cell("a", "from __future__ import annotations"), Cell("b", "def f(x: Undefined): return x")]
    assert list(load(cells, module)) == []
    assert module.f(1) == 1


def test_a_submission_is_not_main(start):
    assert start("if __name__ == '__main__':\n    1 / 0\ndef f(): return __name__").student.f() == "submission"


def test_dataclasses_and_sources_work(start):
    worker = start(
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 1",
        "import inspect\ndef f(): return inspect.getsource(f), A(2).x",
    )
    assert worker.student.f() == ("def f(): return inspect.getsource(f), A(2).x", 2)


def test_files_are_importable_and_readable(start):
    files = {"networks.py": b"def net(x): return backup(x)\ndef backup(x): return 0\n", "data/a.npy": b"\x01" * 3_000_000}
    source = "from networks import net\ndef f(x): return net(x)\ndef size(): return len(open('data/a.npy', 'rb').read())"
    worker = start(source, files=files, stand_ins={"backup": lambda x: x + 1})
    assert worker.student.size() == 3_000_000
    assert worker.student.f(1) == 2  # the stand-in stands in the file too


def test_a_file_outside_its_folder_is_refused(start):
    from autograder.errors import SandboxError

    with pytest.raises(SandboxError, match=r"outside the working directory: '\.\./x'"):
        start("x = 1", files={"../x": b""})


def test_cells_of_one_label_are_told_apart(start):
    worker = start(Cell("a", "def f(): 1/0", label="cell 1"), Cell("b", "1/0", label="cell 1"))
    assert 'File "cell 1 (b)"' in worker.load.errors[0].traceback_text


def test_names_are_read_from_source_that_is_not_python():
    source = "def f(:\nclass B(x):\n    def inner(): pass\nX = 3\ny: int = 4\nif a == b: pass\nasync def g(): pass"
    assert defined_names(source) == ("f", "B", "X", "y", "g")


def test_the_same_random_numbers_in_every_worker(start):
    source = "import random, numpy as np\ndef f(): return random.random(), np.random.rand()"
    assert start(source).student.f() == start(source).student.f()
