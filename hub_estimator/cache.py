"""Shows the cache of downloaded modules, and puts it in order.

python -m hub_estimator.cache list [--json]
python -m hub_estimator.cache fetch HANDLE...
python -m hub_estimator.cache verify [HANDLE...] [--repair] [--json]
python -m hub_estimator.cache remove HANDLE... | --all
python -m hub_estimator.cache path HANDLE
python -m hub_estimator.cache import HANDLE FOLDER_OR_ARCHIVE

list    shows handles, sizes, dates, and whether everything is there.
fetch   downloads modules, for machines or times without a connection.
verify  reads all bytes and says what is missing or has changed; of modules that
        tensorflow_hub downloaded, the values of variables. --repair downloads
        such modules again. Its status is 1 if something is wrong.
remove  removes modules.
path    prints the folder of a module; its status is 1 if it is not there.
import  puts a copy that you have (a folder, a .tar.gz) in a handle's place.

The cache is the folder that TFHUB_CACHE_DIR or --tfhub_cache_dir names, else
tfhub_modules in the folder for temporary files.
"""

from __future__ import annotations

import json
import sys

from absl import flags

from hub_estimator import errors, handles
from hub_estimator.command_line import JSON, run_command
from hub_estimator.handles import settings
from hub_estimator.handles.cache import entries as cache_entries
from hub_estimator.quiet_import import quiet_import

flags.declare_key_flag(JSON.name)
_REPAIR = flags.DEFINE_bool(
  "repair", False, "With verify: download again what is missing or has changed."
)
_ALL = flags.DEFINE_bool("all", False, "With remove: all modules.")
flags.declare_key_flag(settings.CACHE_FLAG)

_NOT_WHOLE_STATUS = 1


def main(arguments):
  """Runs the command that the first argument names."""
  name, *operands = arguments
  commands = {
    "list": _list,
    "fetch": _fetch,
    "verify": _verify,
    "remove": _remove,
    "path": _path,
    "import": _import,
  }
  if name not in commands:
    raise errors.UserValueError(
      f"there is no command {name}; there are: {', '.join(commands)}"
    )
  return commands[name](handles.ModuleCache(), operands)


def _list(cache, operands):
  _check_count("list", operands, 0, 0)
  found = cache_entries.entries(cache)
  if JSON.value:
    rows = [{**e._asdict(), "is_whole": not e.problems} for e in found]
    print(json.dumps({"cache": cache.folder, "modules": rows}, indent=2))
    return
  print(f"Cache  {cache.folder}")
  for entry in found:
    print(
      f"{_format_bytes(entry.num_bytes):>10}  {entry.installed[:10] or '-':<10}"
      f"  {'whole' if not entry.problems else 'broken':<6}  "
      f"{entry.handle or entry.folder}"
    )
    for problem in entry.problems:
      print(f"{'':>10}  {problem}")
  total = _format_bytes(sum(entry.num_bytes for entry in found))
  print(f"{total:>10}  in {_count(len(found), 'module')}")


def _fetch(cache, operands):
  _check_count("fetch", operands, 1)
  failed = []
  for handle in operands:
    try:
      folder = handles.resolve(handle)
      cache_entries.check_whole(folder)
      print(folder)
    except errors.UserError as error:
      failed.append(str(error))
  if failed:
    raise errors.UserOSError(" ".join(failed))


def _verify(cache, operands):
  found = [cache_entries.entry(cache, handle) for handle in operands]
  if not operands:
    found = cache_entries.entries(cache)
  results = [_verify_entry(cache, entry) for entry in found]
  if JSON.value:
    print(json.dumps({"cache": cache.folder, "modules": results}, indent=2))
  else:
    wrong = sum(bool(r["problems"]) and not r["is_repaired"] for r in results)
    print(f"{_count(len(results), 'module')} read, {wrong} not whole")
  if any(r["problems"] and not r["is_repaired"] for r in results):
    return _NOT_WHOLE_STATUS
  return 0


def _verify_entry(cache, entry):
  problems = cache_entries.changed_files(entry)
  if not problems and not entry.has_manifest and entry.is_hub_module:
    problems = _changed_tensors(entry)
  name = entry.handle or entry.folder
  if not JSON.value:
    without = "" if entry.has_manifest else " (without manifest)"
    print(f"{name}: {'; '.join(problems) or 'whole'}{without}")
  is_repaired = False
  if problems and _REPAIR.value:
    try:
      cache_entries.repair(entry)
      is_repaired = True
    except errors.UserError as error:
      problems = [*problems, f"it cannot be repaired: {error}"]
    if not JSON.value:
      print(f"{name}: {'downloaded again' if is_repaired else problems[-1]}")
  return {
    "handle": entry.handle,
    "folder": entry.folder,
    "has_manifest": entry.has_manifest,
    "problems": problems,
    "is_repaired": is_repaired,
  }


def _changed_tensors(entry):
  """Compares a module's values with the checksums that TensorFlow stores."""
  with quiet_import():
    from hub_estimator import hub
  try:
    hub.verify_module(entry.folder)
  except errors.UserError as error:
    return [str(error)]
  return []


def _remove(cache, operands):
  if _ALL.value:
    _check_count("remove --all", operands, 0, 0)
    removed = cache_entries.entries(cache)
  else:
    _check_count("remove", operands, 1)
    removed = [cache_entries.entry(cache, handle) for handle in operands]
  for entry in removed:
    cache_entries.remove(cache, entry)
    print(f"removed {entry.handle or entry.folder}")


def _path(cache, operands):
  _check_count("path", operands, 1, 1)
  print(cache.module_folder(operands[0]))
  if cache.find(operands[0]) is None:
    print(f"{operands[0]} is not there, or not whole", file=sys.stderr)
    return _NOT_WHOLE_STATUS
  return 0


def _import(cache, operands):
  _check_count("import", operands, 2, 2)
  print(cache_entries.import_module(cache, *operands))


def _check_count(name, operands, minimum, maximum=None):
  if len(operands) < minimum:
    takes = "HANDLE" if minimum == 1 else "HANDLE and FOLDER_OR_ARCHIVE"
    raise errors.UserValueError(f"{name} needs {takes}")
  if maximum is not None and len(operands) > maximum:
    raise errors.UserValueError(
      f"{operands[maximum]} is one argument too many for {name}"
    )


def _format_bytes(num_bytes: int) -> str:
  return f"{num_bytes / 1e6:,.1f} MB"


def _count(number: int, what: str) -> str:
  return f"{number} {what}{'' if number == 1 else 's'}"


if __name__ == "__main__":
  run_command(main, usage=__doc__, positionals=("COMMAND", "ARGUMENT..."))
