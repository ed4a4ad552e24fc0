"""Exception types of the package.

A `UserError` is a mistake in what the user gave (a handle, a binding, a file):
its message says the rule, the value, the place and the way out, and a command
prints it as one `error: …` line and exits with status 2. Everything else is a
defect and keeps its traceback.

The subclasses are also the built-in types that callers of the TF1 Hub API
expect, so `except ValueError` goes on working.
"""


class UserError(Exception):
  """A mistake in what the user gave; the message says how to mend it."""

  # Raised inside a tf.function or Dataset.map, AutoGraph would replace it by an
  # exception of its own, which no `except ValueError` catches.
  ag_pass_through = True


def one_line(error: BaseException) -> str:
  """Returns an error's message without line ends, and without what Gin appends.

  Args:
    error: of any kind.
  """
  message = str(error)
  for mark in (
    "\n  No values supplied by Gin or caller",
    "\n  In call to configurable",
  ):
    message = message.partition(mark)[0]
  return " ".join(message.split())


class UserValueError(UserError, ValueError):
  """A value that breaks a rule."""


class UserTypeError(UserError, TypeError):
  """A value of a kind that does not fit."""


class UserKeyError(UserError, KeyError):
  """A name that does not exist; the message lists those there are."""

  def __str__(self) -> str:
    # KeyError shows the repr of its argument: quotes and escaped newlines.
    return str(self.args[0]) if self.args else ""


class UserRuntimeError(UserError, RuntimeError):
  """A call made at a moment or in a graph where it cannot work."""


class UserNotImplementedError(UserError, NotImplementedError):
  """Something asked for that cannot be had of what was given."""


class UserOSError(UserError, OSError):
  """A file or folder that is missing or unreadable."""


class UserImportError(UserError, ImportError):
  """A package that is not installed, or of a version that has not the name."""
