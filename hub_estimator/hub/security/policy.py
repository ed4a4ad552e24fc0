"""What happens to a module that reaches outside of its graph."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable
from typing import Optional

from hub_estimator import errors
from hub_estimator.hub.graph_variant import GraphVariant
from hub_estimator.hub.security import report
from hub_estimator.hub.security.scan import Finding, scan
from hub_estimator.tf_compat import tf

VARIABLE = "TFHUB_SECURITY_POLICY"
ALLOW, WARN, REFUSE = POLICIES = ("allow", "warn", "refuse")
_MAX_SHOWN = 10


class RefusedModuleError(errors.UserValueError):
  """A module that reaches outside of its graph, which the policy forbids."""


def choose(is_downloaded: bool) -> str:
  """Returns the policy for a module: "allow", "warn" or "refuse".

  It is that of the environment variable TFHUB_SECURITY_POLICY. Without it, what
  comes from a server gets a warning and what comes from a path is let through.

  Args:
    is_downloaded: whether the module came from a server.

  Raises:
    ValueError: the environment variable has another value.
  """
  chosen = os.environ.get(VARIABLE)
  if chosen is None:
    return WARN if is_downloaded else ALLOW
  if chosen not in POLICIES:
    raise errors.UserValueError(
      f"The environment variable {VARIABLE} is {chosen!r}: it must be one of "
      f"{', '.join(POLICIES)}. Without it, modules that are downloaded get "
      f"{WARN!r} and local ones {ALLOW!r}."
    )
  return chosen


def apply_policy(
  handle: str,
  is_downloaded: bool,
  read_variants: Callable[[], Iterable[GraphVariant]],
  assets_folder: Optional[str] = None,
) -> None:
  """Warns of a module or refuses it, before anything of it is imported.

  Args:
    handle: the module's handle, for messages.
    is_downloaded: whether it came from a server.
    read_variants: returns its graphs; not called if everything is allowed.
    assets_folder: as for `scan`.

  Raises:
    RefusedModuleError (which is a ValueError): it reaches outside of its graph
      and the policy is "refuse".
    ValueError: the environment variable TFHUB_SECURITY_POLICY has a value that
      is no policy.
    OSError (which is a ValueError): a graph is damaged.
  """
  chosen = choose(is_downloaded)
  if chosen == ALLOW:
    return
  findings = [f for f in scan(read_variants(), assets_folder) if f.is_risky]
  if not findings:
    return
  told = _tell(handle, findings)
  if chosen == REFUSE:
    raise RefusedModuleError(
      f"{told} {VARIABLE} is {REFUSE!r}: nothing of it was loaded. If you "
      f"trust whoever made it, set {VARIABLE}={ALLOW}."
    )
  tf.compat.v1.logging.warning(
    "%s It does so with your rights whenever it runs; %s=%s keeps such modules "
    "out, %s=%s keeps this warning away.",
    told,
    VARIABLE,
    REFUSE,
    VARIABLE,
    ALLOW,
  )


def _tell(handle, findings: list[Finding]) -> str:
  handle = os.fspath(handle)
  shown = "; ".join(report.format_place(f) for f in findings[:_MAX_SHOWN])
  if len(findings) > _MAX_SHOWN:
    shown += f"; and {len(findings) - _MAX_SHOWN:,} more"
  return (
    f"Module {report.printable(handle)} has {report.count(findings)}: {shown}. "
    "To look closer: python -m hub_estimator.inspect_module "
    f"{report.printable(shlex.quote(handle))} --security."
  )
