"""The last lines of a trial's log."""

from hub_estimator.sweeps.trial_logs import last_lines


def write(folder, content):
  path = folder / "log.txt"
  path.write_bytes(content)
  return str(path)


def test_the_last_twenty_lines_that_are_not_empty(tmp_path):
  content = "".join(f"line {n}  \n\n" for n in range(50))
  assert last_lines(write(tmp_path, content.encode())) == [
    f"line {n}" for n in range(30, 50)
  ]


def test_a_line_without_an_end_counts(tmp_path):
  assert last_lines(write(tmp_path, b"one\ntwo")) == ["one", "two"]


def test_of_progress_the_last_state_stays(tmp_path):
  content = b"begin\n\rstep 1/9\rstep 5/9\rstep 9/9\nend\r\n"
  assert last_lines(write(tmp_path, content)) == ["begin", "step 9/9", "end"]


def test_no_file_and_an_empty_one_have_no_lines(tmp_path):
  assert last_lines(str(tmp_path / "none")) == []
  assert last_lines(write(tmp_path, b"")) == []


def test_bytes_that_are_no_text_do_not_hurt(tmp_path):
  assert last_lines(write(tmp_path, b"\xff\xfeok\n")) == ["\ufffd\ufffdok"]


def test_a_large_log_is_not_read_whole(tmp_path):
  content = b"x" * 100_000 + b"\nthe end\n"
  first, last = last_lines(write(tmp_path, content))
  assert last == "the end"
  # Nor does a line of any length go to the storage.
  assert first == "x" * 500


def test_of_a_crash_the_lines_where_it_was(tmp_path):
  before = [f"step {n}" for n in range(30)]
  crash = ["Fatal Python error: Segmentation fault", "Current thread:"]
  calls = [f'  File "f.py", line {n} in call' for n in range(60)]
  content = "\n".join([*before, *crash, *calls])
  assert last_lines(write(tmp_path, content.encode())) == [
    *before[-5:],
    *crash,
    *calls[:13],
  ]
