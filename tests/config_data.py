"""Small modules and data for the project's configs, one file of each kind."""

import json
import pathlib

import numpy as np
import tiny_images
import tiny_models
import tiny_runs

from hub_estimator import hub
from hub_estimator.publishing.convolutional_network import (
  convolutional_network,
)
from hub_estimator.publishing.embedding_export import export_text_embedding
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

_VECTORS = "good 1 2\nbad -1 -2\n"
_TEXTS = ("good", "so bad") * 4


def write_image_module(path, **arguments):
  """Exports a convolutional network of two filters with random weights."""
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(convolutional_network(num_filters=(2,), **arguments))
    session.run(tf1.global_variables_initializer())
    module.export(str(path), session)
  return str(path)


def write_all(folder):
  """Writes everything; returns name -> path."""
  paths = {
    "digits_module": write_image_module(folder / "digits_module"),
    "grey_module": write_image_module(
      folder / "grey_module", image_size=(32, 32)
    ),
    "color_module": write_image_module(folder / "color_module", num_channels=3),
    "tiny_module": tiny_models.export_module(folder / "tiny_module"),
    "arrays": tiny_runs.write_data(folder / "arrays.npz"),
    "texts": str(folder / "texts.npz"),
    "grey_images": str(folder / "grey_images.npz"),
    "cut_grey_images": str(folder / "cut_grey_images.npz"),
    "signs": str(folder / "signs"),
    "text_module": str(folder / "text_module"),
  }
  (folder / "vectors.txt").write_text(_VECTORS)
  export_text_embedding(str(folder / "vectors.txt"), paths["text_module"])
  paths["vocabulary"] = f"{paths['text_module']}/assets/vocabulary.txt"
  labels = [1, 0] * 4
  np.savez(
    paths["texts"],
    train_features=_TEXTS,
    train_labels=labels,
    eval_features=_TEXTS,
    eval_labels=labels,
  )
  images = np.random.RandomState(0).uniform(size=[20, 32, 32, 1])
  np.savez(
    paths["grey_images"],
    features=images.astype(np.float32),
    labels=[0, 1, 2, 3] * 5,
  )
  np.savez(
    paths["cut_grey_images"],
    train_features=images.astype(np.float32),
    train_labels=["5", "6"] * 10,
    eval_features=images.astype(np.float32),
    eval_labels=["5", "6"] * 10,
  )
  _write_text_files(folder, paths)
  _write_signs(pathlib.Path(paths["signs"]))
  paths["records"] = _write_records(folder / "texts.tfrecord", labels)
  return paths


def _write_records(path, labels):
  with tf.io.TFRecordWriter(str(path)) as writer:
    for text, label in zip(_TEXTS, labels):
      example = tf.train.Example()
      feature = example.features.feature
      feature["text"].bytes_list.value.append(text.encode())
      feature["label"].int64_list.value.append(label)
      writer.write(example.SerializeToString())
  return str(path)


def _write_text_files(folder, paths):
  """Writes tables of each kind of label."""
  kinds = {
    "classes": ("pos", "neg"),
    "numbers": ("0.5", "-1.5"),
    "label_lists": ("short|kind", "short"),
  }
  for name, (of_good, of_bad) in kinds.items():
    path = folder / f"{name}.tsv"
    lines = ["text\tsecond_text\tlabel"] + [
      f"{text}\tso good\t{of_good if text == 'good' else of_bad}"
      for text in _TEXTS
    ]
    path.write_text("\n".join(lines) + "\n")
    paths[name] = str(path)
  path = folder / "classes.jsonl"
  # Enough of each class for ten that are drawn and some to evaluate on.
  path.write_text(
    "".join(
      json.dumps({"text": text, "label": text.upper()}) + "\n"
      for text in _TEXTS * 4
    )
  )
  paths["json_lines"] = str(path)


def _write_signs(folder, num_images=20):
  """Writes grey images of the classes 0 to 9, a shade each."""
  for sign in range(10):
    (folder / str(sign)).mkdir(parents=True)
    content = tiny_images.solid_png([25 * sign] * 3, height=8, width=8)
    for number in range(num_images):
      (folder / str(sign) / f"{number}.png").write_bytes(content)
