"""A public package, as the wheel has it."""

PI_APPROXIMATION = 3.14159


def step(state, speed):
    """Return the next state; the step size must be positive."""
    values = state + speed
    return values
