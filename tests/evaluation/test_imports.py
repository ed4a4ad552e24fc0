import subprocess
import sys


def test_importing_does_not_wait_for_tensorflow_or_scikit_learn():
  code = (
    "import sys, hub_estimator.evaluation\n"
    "print([m for m in ('tensorflow', 'sklearn') if m in sys.modules])"
  )
  done = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True, check=True
  )
  assert done.stdout == "[]\n"
