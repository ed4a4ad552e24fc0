"""Making a text module of word embeddings in a text file."""

from __future__ import annotations

import os
from typing import Callable, NamedTuple, Optional

import numpy as np

from hub_estimator.hub import module_folder
from hub_estimator.publishing import text_embedding
from hub_estimator.publishing.embedding_file import EmbeddingFile
from hub_estimator.publishing.export_folder import (
  check_export_path,
  work_folder,
)

_VOCABULARY_FILE = "vocabulary.txt"
_VALUES_FILE = "embeddings"


class TextEmbeddingExport(NamedTuple):
  """What was exported.

  Attributes:
    path: the module's folder.
    num_words: the size of its vocabulary.
    embedding_dim: the size of an embedding.
    num_skipped_lines: malformed lines that were left out.
    first_skipped_line: what is wrong with the first of them; None if all is
      well.
    has_capitals: whether a word of the vocabulary has an ASCII capital letter.
  """

  path: str
  num_words: int
  embedding_dim: int
  num_skipped_lines: int
  first_skipped_line: Optional[str]
  has_capitals: bool


def export_text_embedding(
  embedding_file: str,
  export_path: str,
  *,
  num_oov_buckets: int = 1,
  combiner: str = "sqrtn",
  preprocess_text: bool = False,
  lowercase_text: bool = False,
  l2_scale: float = 0.0,
  num_lines_to_ignore: int = 0,
  skip_malformed_lines: bool = False,
  on_progress: Optional[Callable[[EmbeddingFile], None]] = None,
) -> TextEmbeddingExport:
  """Writes a module that embeds texts, with embeddings of words from a file.

  The module is that of `text_embedding`, which describes signature and
  arguments; row i of its variable holds the values of word i of the file. The
  rows for unknown words follow, as zeros: until they are trained, a word of
  which nothing is known moves a text into no direction. (The mean of all
  embeddings, the other common choice, is that of the many rare words, and pulls
  all texts with names or typing errors towards each other.)

  The values go to a file beside the module's place and from there, mapped into
  memory, to the module: neither a graph nor Python holds them.

  Args:
    embedding_file: a local text file as `EmbeddingFile` reads them: word2vec
      or fastText with a header line, or GloVe; gzip or not.
    export_path: the module's folder: it must not exist, or be empty.
    num_oov_buckets: as for `text_embedding`.
    combiner: as for `text_embedding`.
    preprocess_text: as for `text_embedding`.
    lowercase_text: as for `text_embedding`.
    l2_scale: as for `text_embedding`.
    num_lines_to_ignore: lines at the beginning of the file to pass over.
    skip_malformed_lines: leave out malformed lines and repeated words, which
      are errors otherwise.
    on_progress: called now and then with the file that is being read.

  Raises:
    UserOSError: there is something at `export_path` (then the file is not
      read), it cannot be written, or the file does not exist or cannot be read.
    UserValueError: an argument out of its range, or a malformed line: the
      message names file and line, and nothing is written.
  """
  embedding_file = os.path.expanduser(embedding_file)
  export_path = os.path.expanduser(export_path)
  check_export_path(export_path)
  text_embedding.check_arguments(num_oov_buckets, combiner, l2_scale)
  file = EmbeddingFile(
    embedding_file, num_lines_to_ignore, skip_malformed_lines
  )
  with work_folder(export_path) as folder:
    vocabulary_path = os.path.join(folder, _VOCABULARY_FILE)
    values_path = os.path.join(folder, _VALUES_FILE)
    has_capitals = False
    with (
      open(vocabulary_path, "wb") as vocabulary_file,
      open(values_path, "wb") as values_file,
    ):
      for words, values in file.blocks():
        text = b"\n".join(words) + b"\n"
        has_capitals = has_capitals or text != text.lower()
        vocabulary_file.write(text)
        values_file.write(values.data)
        if on_progress:
          on_progress(file)
      values_file.write(np.zeros([num_oov_buckets, file.dim], np.float32).data)
    spec = text_embedding.create_spec(
      vocabulary_path,
      file.num_words,
      file.dim,
      num_oov_buckets=num_oov_buckets,
      combiner=combiner,
      preprocess_text=preprocess_text,
      lowercase_text=lowercase_text,
      l2_scale=l2_scale,
    )
    embeddings = np.memmap(
      values_path,
      np.float32,
      mode="r",
      shape=(file.num_words + num_oov_buckets, file.dim),
    )
    module_folder.write_module(
      export_path,
      [variant.meta_graph for variant in spec.variants],
      [(text_embedding.EMBEDDINGS, embeddings)],
    )
  return TextEmbeddingExport(
    path=export_path,
    num_words=file.num_words,
    embedding_dim=file.dim,
    num_skipped_lines=file.num_skipped_lines,
    first_skipped_line=file.first_skipped_line,
    has_capitals=has_capitals,
  )
