"""Telling what a scan found."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from hub_estimator.hub.module_spec import format_tag_sets
from hub_estimator.hub.security.scan import Finding


def format_findings(findings: Sequence[Finding]) -> list[str]:
  """Returns the lines of a section on what a scan found."""
  risky = [finding for finding in findings if finding.is_risky]
  unknown = [finding for finding in findings if not finding.is_risky]
  if risky:
    lines = [f"Security: {count(risky)}"]
  else:
    lines = ["Security: nothing reaches outside of the graph"]
  for finding in risky:
    lines += _format_finding(finding)
  if unknown:
    lines.append(
      f"Security: {_number(unknown, 'operation')} that cannot be judged"
    )
  for finding in unknown:
    lines += _format_finding(finding)
  return lines


def count(findings: Sequence[Finding]) -> str:
  """Returns, say, "2 operations that reach outside of the graph"."""
  verb = "reaches" if len(findings) == 1 else "reach"
  return f"{_number(findings, 'operation')} that {verb} outside of the graph"


def format_place(finding: Finding) -> str:
  """Returns where a finding is, and of what kind, within one line."""
  return (
    f"{printable(finding.node)} ({printable(finding.op)}, {finding.kind}) in "
    f"graph {printable(format_tag_sets([finding.tags]))}"
  )


def printable(text: str) -> str:
  """Returns a text of a module with what a terminal would obey spelled out."""
  return "".join(
    c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
  )


def _number(findings, noun: str) -> str:
  return f"{len(findings):,} {noun}{'' if len(findings) == 1 else 's'}"


def _format_finding(finding: Finding) -> list[str]:
  place = f"  {finding.kind}: {printable(finding.node)}, graph " + printable(
    format_tag_sets([finding.tags])
  )
  return [
    place,
    *textwrap.wrap(
      f"{printable(finding.op)} {finding.reason}.",
      width=80,
      initial_indent="    ",
      subsequent_indent="    ",
      break_long_words=False,
      break_on_hyphens=False,
    ),
  ]
