"""The one error of fetching: environments and weights."""


class FetchError(Exception):
    """An environment or a model that could not be had; `str()` of it is one plain line with what to do."""
