"""Shows what a TF1 Hub module is: graphs, signatures, variables, assets.

python -m hub_estimator.inspect_module HANDLE [--json] [--security]

HANDLE is a module's folder or archive, an address (https://…), or the
export/tf_hub folder of a run, of which the newest export is shown. With
--security it may be a SavedModel, too. Nothing of the module is run.
"""

import json

from absl import flags

from hub_estimator.command_line import JSON, run_command
from hub_estimator.handles import settings
from hub_estimator.quiet_import import quiet_import

flags.declare_key_flag(JSON.name)
_SECURITY = flags.DEFINE_bool(
  "security",
  False,
  "Also list the operations that read or write files other than the module's "
  "assets, open connections, run Python or load code.",
)
flags.declare_key_flag(settings.CACHE_FLAG)


def main(arguments):
  """Prints the description of the module that the only argument names."""
  with quiet_import():
    from hub_estimator.hub import description
  described = description.describe_module(arguments[0], _SECURITY.value)
  if JSON.value:
    print(json.dumps(described, indent=2))
  else:
    print(description.format_description(described))


if __name__ == "__main__":
  run_command(main, usage=__doc__, positionals=("HANDLE",))
