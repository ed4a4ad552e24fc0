"""Each package imports only itself and the layers above it."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "hub_estimator"

# From the top: a package may import from its own row and from rows above it.
LAYERS = (
  (
    "errors",
    "quiet_import",
    "keras_setting",
    "import_hooks",
    "terminal_progress",
    "tf_compat",
  ),
  # Without TensorFlow: commands that build no graph do not wait for it.
  ("file_formats",),
  ("handles",),
  ("estimator",),
  ("hub",),
  ("inputs", "optimization"),
  ("recipes", "models"),
  ("evaluation",),
  # Below the libraries, which are no commands; above the packages that have
  # commands of their own, such as publishing.export_text_embedding_module.
  ("command_line", "run_flags"),
  ("training", "publishing"),
  ("sweeps", "reports"),
  (
    "train",
    "evaluate",
    "predict",
    "export",
    "inspect_module",
    "cache",
    "aliases",
    "run_program",
    "sweep",
  ),
)
# Packages of one row that do not know each other.
SEPARATE = (("inputs", "optimization"), ("training", "publishing"))

ROW = {name: row for row, names in enumerate(LAYERS) for name in names}


def imported_parts(path):
  """Yields (part, line) for each import of a part of the package."""
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
      names = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
      continue
    for name in names:
      parts = name.split(".")
      if parts[0] == "hub_estimator" and len(parts) > 1:
        yield parts[1], node.lineno


def part_of(path):
  return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


@pytest.mark.parametrize(
  "path", FILES, ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_imports_point_upwards(path):
  part = part_of(path)
  assert part in ROW, f"{part} has no place in the table of layers"
  wrong = [
    f"line {line} imports {other}"
    for other, line in imported_parts(path)
    if other in ROW and other != part and ROW[other] > ROW[part]
  ]
  assert not wrong, f"{path.relative_to(ROOT)}: {wrong}"
  for row in SEPARATE:
    others = set(row) - {part} if part in row else set()
    assert not others & {other for other, _ in imported_parts(path)}


def test_the_package_itself_imports_nothing_of_it():
  assert not list(imported_parts(PACKAGE / "__init__.py"))


def test_a_wrong_arrow_is_found(tmp_path):
  path = tmp_path / "x.py"
  path.write_text("import os\nfrom hub_estimator.training import run\n")
  assert list(imported_parts(path)) == [("training", 2)]


def test_private_tensorflow_symbols_are_used_in_tf_compat_only():
  wrong = []
  for path in FILES:
    if part_of(path) == "tf_compat":
      continue
    for node in ast.walk(ast.parse(path.read_text())):
      if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
      elif isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
      else:
        continue
      wrong += [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for name in names
        if name.split(".")[0] in ("tensorflow", "tf_keras")
      ]
  assert not wrong


@pytest.mark.parametrize(
  "path", FILES, ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_files_stay_short(path):
  assert len(path.read_text().splitlines()) <= 400
