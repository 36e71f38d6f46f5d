"""Two sizes of every property-based test: a short one, the same every time, and one of a thousand examples."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "short",
    max_examples=40,
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thousand", settings.get_profile("short"), max_examples=1000, derandomize=False)
settings.load_profile("short")
