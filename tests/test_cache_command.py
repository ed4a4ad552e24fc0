"""The command `cache`: what it prints and does, and mistakes."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
import tiny_modules

from hub_estimator import cache as cache_command
from hub_estimator import handles


@pytest.fixture(autouse=True)
def cache(handle_settings):
  return handles.ModuleCache()


@pytest.fixture
def command(run_command):
  def run(*arguments):
    return run_command(
      cache_command, *arguments, positionals=("COMMAND", "ARGUMENT...")
    )

  return run


@pytest.fixture
def url(server):
  files = tiny_modules.module_files({"words.txt": b"a\n" * 500_000})
  return server.serve("/m/1", tiny_modules.archive(files))


def test_fetch_downloads_and_prints_folders(command, url, cache):
  assert command("fetch", url) == (0, f"{cache.module_folder(url)}\n", "")


def test_fetch_goes_on_after_a_failure_and_ends_with_it(command, url, server):
  missing = f"{server.url}/missing"
  status, out, error = command("fetch", missing, url)
  assert status == 2
  assert handles.ModuleCache().module_folder(url) in out
  assert error.startswith(f"error: {missing} cannot be downloaded")
  assert error.count("\n") == 1


def test_fetch_of_a_folder_looks_at_it(command, tmp_path):
  module = tiny_modules.write_module(tmp_path / "m")
  assert command("fetch", module)[:2] == (0, f"{module}\n")
  (tmp_path / "m" / "saved_model.pb").unlink()
  status, out, error = command("fetch", module)
  assert (status, out) == (2, "")
  assert f"{module} holds no whole module: saved_model.pb is missing" in error


def test_list_of_nothing(command, cache):
  assert command("list") == (
    0,
    f"Cache  {cache.folder}\n    0.0 MB  in 0 modules\n",
    "",
  )


def test_list_shows_what_there_is(command, url, cache):
  folder = handles.resolve(url)
  _, out, _ = command("list")
  _, row, total = out.splitlines()
  assert row.split()[:2] == ["1.0", "MB"]
  assert row.split()[3:] == ["whole", url]
  assert row.split()[2].count("-") == 2
  assert total == "    1.0 MB  in 1 module"
  os.remove(os.path.join(folder, "saved_model.pb"))
  _, out, _ = command("list")
  assert f"broken  {url}" in out
  assert "            saved_model.pb is missing" in out.splitlines()


def test_list_as_json(command, url, cache):
  folder = handles.resolve(url)
  _, out, _ = command("list", "--json")
  found = json.loads(out)
  assert found["cache"] == cache.folder
  (module,) = found["modules"]
  assert module["handle"] == url
  assert module["folder"] == folder
  assert module["num_files"] == 3
  assert module["is_whole"] is True
  assert module["problems"] == []


def test_modules_of_tensorflow_hub_are_listed_by_their_descriptors(
  command, cache
):
  folder = pathlib.Path(cache.module_folder("https://models.test/m"))
  tiny_modules.write_module(folder)
  _, out, _ = command("list")
  assert str(folder) in out
  pathlib.Path(f"{folder}.descriptor.txt").write_text(
    "Module: https://models.test/m\nDownload Time: then\n"
  )
  _, out, _ = command("list")
  assert "-           whole   https://models.test/m" in out
  _, out, _ = command("verify")
  assert "https://models.test/m: whole (without manifest)" in out


def test_verify_reads_all_bytes(command, url):
  path = os.path.join(handles.resolve(url), "assets", "words.txt")
  assert command("verify")[:2] == (
    0,
    f"{url}: whole\n1 module read, 0 not whole\n",
  )
  with open(path, "r+b") as file:
    file.write(b"x")
  assert "whole" in command("list")[1]
  status, out, _ = command("verify", url)
  assert status == 1
  assert out.splitlines() == [
    f"{url}: assets/words.txt has changed: it has another SHA-256",
    "1 module read, 1 not whole",
  ]
  status, out, _ = command("verify", "--json")
  (module,) = json.loads(out)["modules"]
  assert status == 1
  assert len(module["problems"]) == 1
  assert module["is_repaired"] is False


def test_verify_repairs(command, url, server):
  path = os.path.join(handles.resolve(url), "assets", "words.txt")
  os.truncate(path, 3)
  status, out, _ = command("verify", "--repair")
  assert status == 0
  assert f"{url}: downloaded again" in out
  assert os.path.getsize(path) == 1_000_000
  assert len(server.requests) == 2


def test_what_cannot_be_repaired_stays(command, url, server):
  folder = handles.resolve(url)
  os.truncate(os.path.join(folder, "assets", "words.txt"), 3)
  server.answers.clear()
  status, out, _ = command("verify", "--repair")
  assert status == 1
  assert "it cannot be repaired" in out
  assert os.path.exists(os.path.join(folder, "saved_model.pb"))


def test_a_local_archive_is_repaired(command, tmp_path):
  archive = tmp_path / "m.tar.gz"
  archive.write_bytes(tiny_modules.archive())
  folder = handles.resolve(str(archive))
  os.remove(os.path.join(folder, "saved_model.pb"))
  assert command("verify", "--repair")[0] == 0
  assert os.path.exists(os.path.join(folder, "saved_model.pb"))


def test_remove(command, url, server, cache):
  other = server.serve("/other", tiny_modules.archive())
  handles.resolve(url)
  handles.resolve(other)
  assert command("remove", url)[:2] == (0, f"removed {url}\n")
  assert cache.find(url) is None
  assert cache.find(other) is not None
  assert command("remove", "--all")[:2] == (0, f"removed {other}\n")
  assert [n for n in os.listdir(cache.folder) if n != ".locks"] == []


def test_path(command, url, cache):
  status, out, error = command("path", url)
  assert (status, out) == (1, f"{cache.module_folder(url)}\n")
  assert error == f"{url} is not there, or not whole\n"
  handles.resolve(url)
  assert command("path", url) == (0, f"{cache.module_folder(url)}\n", "")


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_import_puts_a_copy_in_place(
  command, tmp_path, cache, monkeypatch, kind
):
  source = tmp_path / "copy"
  if kind == "folder":
    tiny_modules.write_module(source, {"words.txt": b"a\n"})
  else:
    source.write_bytes(tiny_modules.archive())
  handle = "https://models.test/m"
  assert command("import", handle, source)[:2] == (
    0,
    f"{cache.module_folder(handle)}\n",
  )
  assert source.exists()
  monkeypatch.setenv("TFHUB_OFFLINE", "1")
  assert handles.resolve(handle) == cache.module_folder(handle)


def test_import_of_what_is_no_module(command, tmp_path, cache):
  (tmp_path / "notes").mkdir()
  (tmp_path / "notes" / "a.txt").write_text("hello")
  status, _, error = command("import", "https://m.test/m", tmp_path / "notes")
  assert status == 2
  assert "holds no whole module" in error
  assert error.count("\n") == 1
  status, _, error = command("import", "https://m.test/m", tmp_path / "gone")
  assert status == 2
  assert "does not exist: nothing to import" in error
  assert cache.find("https://m.test/m") is None


@pytest.mark.parametrize(
  "arguments, text",
  [
    ([], "COMMAND is missing"),
    (["lst"], "there is no command lst; there are: list, fetch, verify"),
    (["fetch"], "fetch needs HANDLE"),
    (["path"], "path needs HANDLE"),
    (["path", "a", "b"], "b is one argument too many for path"),
    (["import", "a"], "import needs HANDLE and FOLDER_OR_ARCHIVE"),
    (["import", "a", "b", "c"], "c is one argument too many for import"),
    (["list", "a"], "a is one argument too many for list"),
    (["remove"], "remove needs HANDLE"),
    (["remove", "--all", "a"], "a is one argument too many"),
    (["remove", "https://m.test/m"], "is not in the cache"),
    (["verify", "https://m.test/m"], "It holds: nothing."),
    (["list", "--jsn"], "did you mean --json?"),
  ],
)
def test_mistakes_are_one_line(command, arguments, text):
  status, out, error = command(*arguments)
  assert (status, out) == (2, "")
  assert error.startswith("error: ")
  assert text in error
  assert error.count("\n") == 1


def test_a_cache_elsewhere_is_not_listed(command, monkeypatch):
  monkeypatch.setenv("TFHUB_CACHE_DIR", "ram://cache")
  status, _, error = command("list")
  assert status == 2
  assert "The cache ram://cache is not on this machine" in error


def test_the_folder_may_be_a_flag(command, tmp_path, monkeypatch):
  monkeypatch.delenv("TFHUB_CACHE_DIR")
  _, out, _ = command("list", f"--tfhub_cache_dir={tmp_path}/elsewhere")
  assert out.startswith(f"Cache  {tmp_path}/elsewhere\n")


def test_no_command_waits_for_tensorflow(url):
  result = subprocess.run(
    [
      sys.executable,
      "-X",
      "importtime",
      "-m",
      "hub_estimator.cache",
      "fetch",
      url,
    ],
    capture_output=True,
    text=True,
  )
  assert result.returncode == 0
  assert "tensorflow" not in result.stderr
  help_text = subprocess.run(
    [sys.executable, "-m", "hub_estimator.cache", "--help"],
    capture_output=True,
    text=True,
  ).stdout
  assert "--tfhub_cache_dir=DIR" in help_text
  assert "--[no]repair" in help_text
