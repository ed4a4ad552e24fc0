"""Runs of modules that are fetched, and what of it stays in the run."""

import json
import tarfile

import gin
import pytest
import tiny_runs

from hub_estimator import errors, handles


@pytest.fixture(autouse=True)
def settings(handle_settings):
  yield handle_settings
  gin.clear_config()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
  """The bytes of an archive of a module that a run has exported."""
  folder = tmp_path_factory.mktemp("pretrained")
  config = tiny_runs.write_config(folder)
  results = tiny_runs.launch(config, folder / "run")
  gin.clear_config()
  (path,) = results["exports"].values()
  with tarfile.open(folder / "module.tar.gz", "w:gz") as tar:
    tar.add(path, arcname=".")
  return (folder / "module.tar.gz").read_bytes()


def _launch(tmp_path, handle, *gin_params):
  config = tiny_runs.write_config(tmp_path)
  handle_param = f"MODULE_HANDLE = {handle!r}"
  return tiny_runs.launch(config, tmp_path / "run", handle_param, *gin_params)


def test_an_address_stays_the_runs_handle(tmp_path, server, archive, settings):
  url = server.serve("/tiny/1", archive)
  results = _launch(tmp_path, url)
  assert results["module_handle"] == url
  assert len(server.requests) == 1
  written = (tmp_path / "run" / "config.gin").read_text()
  assert f'MODULE_HANDLE = "{url}"' in written
  assert "cache" not in written
  # The configuration alone repeats the run, without a connection.
  settings.setenv("TFHUB_OFFLINE", "1")
  gin.clear_config()
  again = tiny_runs.launch(tmp_path / "run" / "config.gin", tmp_path / "again")
  assert again["metrics"] == results["metrics"]


def test_mirrors_are_part_of_the_configuration(tmp_path, archive):
  (tmp_path / "mirror").mkdir()
  (tmp_path / "mirror" / "1.tar.gz").write_bytes(archive)
  mirrors = {"https://models.test/": f"{tmp_path}/mirror/"}
  results = _launch(
    tmp_path,
    "https://models.test/1",
    f"handle_mirrors.mirrors = {json.dumps(mirrors)}",
  )
  assert results["module_handle"] == "https://models.test/1"
  written = (tmp_path / "run" / "config.gin").read_text()
  assert "handle_mirrors.mirrors = " in written


def test_a_worker_that_does_not_see_the_module_says_so_before_it_trains(
  tmp_path, settings
):
  settings.setenv(
    "TF_CONFIG",
    json.dumps(
      {
        "cluster": {"chief": ["a:1"], "worker": ["b:1"]},
        "task": {"type": "worker", "index": 0},
      }
    ),
  )
  settings.setenv("TFHUB_LOCK_TIMEOUT_SECS", "0")
  with pytest.raises(errors.UserOSError, match="worker 0 does not see"):
    _launch(tmp_path, "https://models.test/1")
  gin.clear_config()
  with pytest.raises(errors.UserOSError, match="task worker 0 of the cluster"):
    _launch(tmp_path, f"{tmp_path}/elsewhere")
  assert not (tmp_path / "run").exists()
  assert handles.ModuleCache().find("https://models.test/1") is None
