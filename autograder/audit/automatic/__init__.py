"""Automatic mistakes: many small changes of the reference, each of which some test should notice.

The operators are this package's own, on Python's ``ast``, because the two libraries that fit were tried on
homework 1 and say less. Of mutmut 3.8's 578 changes 338 raise at once (``None`` for an argument or a value);
of cosmic-ray 8.7's 992 another 339 (``<<`` and ``|`` on floats), and 759 put one binary operator for another.
Neither exchanges arguments, forgets ``axis`` or a term, or takes ``argmin`` for ``argmax``. What one had that
was missing here, ``//`` for ``/``, is made here too.
"""
