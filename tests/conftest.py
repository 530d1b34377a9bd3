"""What all tests share."""

from hypothesis import settings

# The same examples in every run, and no deadline: tests assert nothing about time.
settings.register_profile("odyssey", derandomize=True, deadline=None)
settings.load_profile("odyssey")
