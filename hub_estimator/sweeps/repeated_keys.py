"""Keys that a dict in a Gin file has twice.

Gin's parser keeps the last of them and says nothing.
"""

from __future__ import annotations

import io
import tokenize

_OPEN, _CLOSED = ("(", "[", "{"), (")", "]", "}")


def repeated_keys(text: str) -> list[tuple[int, str]]:
  """Returns (line, key) of each key that a dict of a statement has already.

  Args:
    text: begins with the statement; what follows it is not read.
  """
  found: list[tuple[int, str]] = []
  # Of each bracket that is open: the keys so far, and the tokens of the next.
  open_brackets: list[tuple[set[str], list[str]]] = []
  try:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
      if token.type in (tokenize.COMMENT, tokenize.NL):
        continue
      if token.string in _OPEN:
        open_brackets.append((set(), []))
      elif token.string in _CLOSED and open_brackets:
        open_brackets.pop()
      elif token.type == tokenize.NEWLINE and not open_brackets:
        break
      elif open_brackets:
        keys, tokens = open_brackets[-1]
        if token.string == ",":
          tokens.clear()
        elif token.string == ":":
          key = "".join(tokens)
          if key in keys:
            found.append((token.start[0], key))
          keys.add(key)
        else:
          tokens.append(token.string)
  except (SyntaxError, tokenize.TokenError):
    pass  # The reader of the statements says it.
  return found
