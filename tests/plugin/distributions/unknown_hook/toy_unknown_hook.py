"""A plugin that implements a hook that there is not."""

from prunus import hookimpl


@hookimpl
def prunus_famillies():
    return []
