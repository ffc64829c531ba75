from autograder.testing import expect_close, question


@question("1.1 double", points=1)
def test_doubles_one(student):
    """One doubled is two."""
    expect_close(student.double(1.0), 2.0)
