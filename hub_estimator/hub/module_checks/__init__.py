"""What the format's authors advise publishers, as checks of a module's graphs.

Everything is found in the graphs themselves, whatever library built them.
"""

from hub_estimator.hub.module_checks.checks import check_module_spec
from hub_estimator.hub.module_checks.module_warning import ModuleWarning

__all__ = ["ModuleWarning", "check_module_spec"]
