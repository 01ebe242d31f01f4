"""Collects what a check looked at and what it found."""

from __future__ import annotations

from prunus.plugin.family import Check

MOST = 20


class Looking:
    """A check in progress. A check that found nothing because it looked at nothing does not pass.

    Args:
        name: Stable name of the check.

    Example:
        >>> looking = Looking("files")
        >>> looking.expect(1 == 1, "README.md changed")
        >>> looking.done("compared").status
        'passed'
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.looked = 0
        self.notes: list[str] = []
        self._findings: list[str] = []
        self._more = 0

    @property
    def failed(self) -> bool:
        """Whether anything was found so far."""
        return bool(self._findings)

    def expect(self, truth: bool, message: str) -> None:  # noqa: FBT001 - reads as a sentence
        """Counts one comparison; `message` is a finding if it does not hold."""
        self.looked += 1
        if not truth:
            self.found(message)

    def found(self, message: str) -> None:
        """Adds a finding."""
        if len(self._findings) < MOST:
            self._findings.append(message)
        else:
            self._more += 1

    def note(self, text: str) -> None:
        """Adds to the line for people."""
        self.notes.append(text)

    def done(self, detail: str) -> Check:
        """The outcome."""
        findings = [*self._findings, *([f"and {self._more} more"] if self._more else [])]
        if not findings and not self.looked:
            findings = ["nothing was compared"]
        text = "; ".join([detail, *self.notes])
        return Check(self.name, "failed" if findings else "passed", self.looked, text, tuple(findings))

    def skipped(self, reason: str) -> Check:
        """The outcome of a check that could not run."""
        return Check(self.name, "skipped", 0, reason)
