"""Makes a TF1 Hub module of word embeddings in a text file.

python -m hub_estimator.publishing.export_text_embedding_module
    --embedding_file=FILE --export_path=DIR [--combiner=sqrtn|mean|sum]
    [--num_oov_buckets=1] [--preprocess_text] [--lowercase_text]
    [--num_lines_to_ignore=0] [--skip_malformed_lines] [--l2_scale=0]

FILE is text, plain or gzip, with a word and its values a line, separated by
spaces or tabs: word2vec and fastText (.vec), with a header line, or GloVe,
without one. The module takes texts, splits them at whitespace and combines the
words' embeddings, which are trainable.
"""

import os
import time

from absl import flags

from hub_estimator.command_line import run_command
from hub_estimator.publishing import embedding_file, export_folder
from hub_estimator.publishing.reading_progress import ReadingProgress
from hub_estimator.quiet_import import quiet_import
from hub_estimator.terminal_progress import format_rate, format_seconds

_EMBEDDING_FILE = flags.DEFINE_string(
  "embedding_file", None, "The file of word embeddings."
)
_EXPORT_PATH = flags.DEFINE_string(
  "export_path",
  None,
  "The folder of the module: it must not exist, or be empty.",
)
_COMBINER = flags.DEFINE_enum(
  "combiner",
  "sqrtn",
  ["sqrtn", "mean", "sum"],
  "How the embeddings of a text's n words are combined: sum, sum / n (mean) or "
  "sum / sqrt(n).",
)
_NUM_OOV_BUCKETS = flags.DEFINE_integer(
  "num_oov_buckets",
  1,
  "Rows for words that the file does not have, chosen by the word's hash, "
  "zeros at first and trainable; 0 leaves such words out.",
  lower_bound=0,
)
_PREPROCESS_TEXT = flags.DEFINE_bool(
  "preprocess_text",
  False,
  "Take punctuation out of texts: apostrophes are deleted, all else becomes a "
  "space.",
)
_LOWERCASE_TEXT = flags.DEFINE_bool(
  "lowercase_text", False, "Turn texts into lower case."
)
_NUM_LINES_TO_IGNORE = flags.DEFINE_integer(
  "num_lines_to_ignore",
  0,
  "Lines at the beginning of the file to pass over. A header of two numbers is "
  "recognized and need not be counted.",
  lower_bound=0,
)
_SKIP_MALFORMED_LINES = flags.DEFINE_bool(
  "skip_malformed_lines",
  False,
  "Leave out malformed lines and repeated words, and say how many; they are "
  "errors otherwise.",
)
_L2_SCALE = flags.DEFINE_float(
  "l2_scale",
  0.0,
  "Give the module a regularization loss of this times half the sum of squares "
  "of all embeddings. Training then touches all of the table in each step.",
  lower_bound=0.0,
)


def main(arguments):
  """Exports the module that the flags describe."""
  del arguments
  # Before TensorFlow's import: a mistyped path need not wait for it.
  export_folder.check_export_path(os.path.expanduser(_EXPORT_PATH.value))
  embedding_file.check_is_file(os.path.expanduser(_EMBEDDING_FILE.value))
  with quiet_import():
    from hub_estimator.publishing import embedding_export
    from hub_estimator.tf_compat import tf

    # TensorFlow 2.21 complains of missing GPUs when it first looks for them.
    tf.config.list_physical_devices()
  start = time.monotonic()
  progress = None

  def report(file):
    nonlocal progress
    progress = progress or ReadingProgress(file.num_bytes)
    progress.update(file.bytes_read(), file.num_words)

  try:
    exported = embedding_export.export_text_embedding(
      _EMBEDDING_FILE.value,
      _EXPORT_PATH.value,
      num_oov_buckets=_NUM_OOV_BUCKETS.value,
      combiner=_COMBINER.value,
      preprocess_text=_PREPROCESS_TEXT.value,
      lowercase_text=_LOWERCASE_TEXT.value,
      l2_scale=_L2_SCALE.value,
      num_lines_to_ignore=_NUM_LINES_TO_IGNORE.value,
      skip_malformed_lines=_SKIP_MALFORMED_LINES.value,
      on_progress=report,
    )
  finally:
    if progress:
      progress.close()
  _print_export(exported, time.monotonic() - start)


def _print_export(exported, seconds):
  num_buckets = _NUM_OOV_BUCKETS.value
  print(
    f"{exported.path}: {exported.num_words:,} words of "
    f"{exported.embedding_dim} dimensions, {num_buckets} OOV "
    f"bucket{'' if num_buckets == 1 else 's'}, combiner {_COMBINER.value}; "
    f"{format_seconds(seconds)}, "
    f"{format_rate(exported.num_words / max(seconds, 1e-3))} words/s"
  )
  if exported.num_skipped_lines:
    print(
      f"left out {exported.num_skipped_lines:,} malformed lines, the first: "
      f"{exported.first_skipped_line}"
    )
  if not (exported.has_capitals or _LOWERCASE_TEXT.value):
    print(
      'note: no word has a capital letter, so that "The" is not found where '
      '"the" is; --lowercase_text turns texts into lower case'
    )


if __name__ == "__main__":
  run_command(
    main, usage=__doc__, required_flags=("embedding_file", "export_path")
  )
