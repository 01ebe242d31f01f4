"""The template is not installed here: `tests/plugin/test_template.py` installs it elsewhere and tests it there."""

collect_ignore = ["template"]
