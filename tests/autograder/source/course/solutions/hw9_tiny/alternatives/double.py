# %% [markdown]
# Other right answers.

# %% alternative 1.1 times
# Multiplies by two,
# in one line.
def double(x):
    return 2 * x
