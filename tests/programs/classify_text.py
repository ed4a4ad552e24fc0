"""Sentiment of short texts: a text embedding column and a DNNClassifier."""

import argparse

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)

GOOD = ["good", "great", "fine"]
BAD = ["bad", "awful", "poor"]


def load_data(num_examples, seed):
  """Sentences of five words, one of which is good or bad."""
  rng = np.random.RandomState(seed)
  sentences, polarity = [], []
  for _ in range(num_examples):
    label = rng.randint(2)
    words = list(rng.choice(["the", "film", "was", "a", "plot"], 4))
    words.insert(rng.randint(5), rng.choice(GOOD if label else BAD))
    sentences.append(" ".join(words))
    polarity.append(label)
  return np.array(sentences), np.array(polarity)


def input_fn(data, num_epochs, shuffle):
  """From a data frame where pandas is installed, else from arrays."""
  sentences, polarity = data
  try:
    import pandas as pd
  except ImportError:
    return tf.compat.v1.estimator.inputs.numpy_input_fn(
      {"sentence": sentences},
      polarity,
      batch_size=20,
      num_epochs=num_epochs,
      shuffle=shuffle,
    )
  frame = pd.DataFrame({"sentence": sentences, "polarity": polarity})
  return tf.compat.v1.estimator.inputs.pandas_input_fn(
    frame,
    frame["polarity"],
    batch_size=20,
    num_epochs=num_epochs,
    shuffle=shuffle,
  )


def train_and_evaluate_with_module(hub_module, train_module, args):
  embedded_text_feature_column = hub.text_embedding_column(
    key="sentence", module_spec=hub_module, trainable=train_module
  )
  estimator = tf.estimator.DNNClassifier(
    hidden_units=[16, 8],
    feature_columns=[embedded_text_feature_column],
    n_classes=2,
    optimizer=tf.keras.optimizers.legacy.Adam(learning_rate=0.05),
    model_dir=args.model_dir,
    config=tf.estimator.RunConfig(tf_random_seed=3),
  )
  train_data, test_data = load_data(200, 1), load_data(100, 2)
  estimator.train(input_fn(train_data, None, True), steps=args.steps)
  train_results = estimator.evaluate(input_fn(train_data, 1, False))
  test_results = estimator.evaluate(input_fn(test_data, 1, False))

  feature_spec = tf.feature_column.make_parse_example_spec(
    [embedded_text_feature_column]
  )
  exported = estimator.export_saved_model(
    args.export_dir,
    tf.estimator.export.build_parsing_serving_input_receiver_fn(feature_spec),
  )
  return train_results, test_results, exported.decode()


def serve(exported, sentences):
  examples = [
    tf.train.Example(
      features=tf.train.Features(
        feature={
          "sentence": tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[sentence.encode()])
          )
        }
      )
    ).SerializeToString()
    for sentence in sentences
  ]
  predict = tf.saved_model.load(exported).signatures["predict"]
  classes = predict(examples=tf.constant(examples))["class_ids"]
  return classes.numpy().flatten().tolist()


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--module", required=True)
  parser.add_argument("--model_dir", required=True)
  parser.add_argument("--export_dir", required=True)
  parser.add_argument("--steps", type=int, default=100)
  args = parser.parse_args()
  train, test, exported = train_and_evaluate_with_module(
    args.module, True, args
  )
  print(f"Training set accuracy: {train['accuracy']:.2f}")
  print(f"Test set accuracy: {test['accuracy']:.2f}")
  print("Served:", serve(exported, ["the great film", "the awful film"]))


if __name__ == "__main__":
  main()
