"""Op types that reach outside of a graph: which, how and why.

Made by going through all ops that TensorFlow 2.15.1 and 2.21.0 register whose
name, inputs or attributes speak of files, paths, addresses, readers, writers,
Python or programs, and those of TensorFlow 1's `contrib`, which modules of that
time may hold. `tests/hub/test_module_security_op_list.py` has those that were
looked at and are harmless, and fails when a new TensorFlow has another one.

Not here, for they only use what an op of the list has opened: summary ops that
write to a summary writer, `ReaderRead` and `FlushSummaryWriter`.
"""

from __future__ import annotations

from typing import NamedTuple

READS_FILES = "reads files"
WRITES_FILES = "writes files"
CONNECTS = "connects"
RUNS_PYTHON = "runs Python"
LOADS_CODE = "loads code"
UNKNOWN_OP = "unknown op"


class Risk(NamedTuple):
  """How an op reaches outside of its graph.

  Attributes:
    kind: READS_FILES, WRITES_FILES, CONNECTS, RUNS_PYTHON, LOADS_CODE or
      UNKNOWN_OP.
    reason: what it does, to be read after "it".
    file_inputs: positions of the inputs that name the files it reads. Where
      all of them are assets of the module itself, it does no harm. Empty: it
      always does.
  """

  kind: str
  reason: str
  file_inputs: tuple[int, ...] = ()


_GROUPS = (
  (Risk(READS_FILES, "returns a file's content", (0,)), "ReadFile"),
  (
    Risk(READS_FILES, "fills a table from a file", (1,)),
    "InitializeTableFromTextFile InitializeTableFromTextFileV2",
  ),
  (
    Risk(READS_FILES, "reads vocabularies from two files", (0, 1)),
    "GenerateVocabRemapping",
  ),
  (
    Risk(READS_FILES, "reads a matrix from a checkpoint", (0,)),
    "LoadAndRemapMatrix",
  ),
  (
    Risk(READS_FILES, "is a data set of what files hold", (0,)),
    "TextLineDataset TFRecordDataset TFRecordDatasetV2 "
    "FixedLengthRecordDataset FixedLengthRecordDatasetV2 CSVDataset "
    "CSVDatasetV2 ExperimentalCSVDataset LMDBDataset ExperimentalLMDBDataset "
    "SequenceFileDataset",
  ),
  (
    Risk(READS_FILES, "is a data set of what queries to a database give"),
    "SqlDataset ExperimentalSqlDataset",
  ),
  (
    Risk(READS_FILES, "reads a data set that was saved"),
    "LoadDataset SnapshotDatasetReader SnapshotChunkDataset "
    "ListSnapshotChunksDataset",
  ),
  (
    Risk(READS_FILES, "lists the files that match a pattern"),
    "MatchingFiles MatchingFilesDataset ExperimentalMatchingFilesDataset",
  ),
  (
    Risk(READS_FILES, "reads the files whose names it takes from a queue"),
    "WholeFileReader WholeFileReaderV2 TextLineReader TextLineReaderV2 "
    "TFRecordReader TFRecordReaderV2 FixedLengthRecordReader "
    "FixedLengthRecordReaderV2 LMDBReader",
  ),
  (
    Risk(READS_FILES, "reads the files that its attribute names"),
    "Skipgram RecordInput",
  ),
  (
    Risk(READS_FILES, "maps the file that its attribute names into memory"),
    "ImmutableConst",
  ),
  (
    Risk(READS_FILES, "reads a checkpoint"),
    "Restore RestoreSlice RestoreV2 DTensorRestoreV2",
  ),
  (Risk(WRITES_FILES, "writes a file"), "WriteFile"),
  (Risk(WRITES_FILES, "writes a checkpoint"), "Save SaveSlices SaveV2"),
  (
    Risk(WRITES_FILES, "merges checkpoints and deletes their parts"),
    "MergeV2Checkpoints",
  ),
  (
    Risk(WRITES_FILES, "writes a data set to files"),
    "SaveDataset SaveDatasetV2 DatasetToTFRecord ExperimentalDatasetToTFRecord "
    "SnapshotDataset SnapshotDatasetV2",
  ),
  (
    Risk(WRITES_FILES, "opens the files of a summary writer"),
    "CreateSummaryFileWriter CreateSummaryDbWriter",
  ),
  (
    Risk(WRITES_FILES, "writes any event to the files of a summary writer"),
    "ImportEvent",
  ),
  (
    Risk(WRITES_FILES, "writes what it is given to the file that it names"),
    "DumpTensor CalibrationStatisticsSaver SerializeTRTResource",
  ),
  (
    Risk(CONNECTS, "gets its elements from a tf.data service"),
    "DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 "
    "DataServiceDatasetV4",
  ),
  (
    Risk(CONNECTS, "hands a data set to a tf.data service"),
    "RegisterDataset RegisterDatasetV2 DistributedSave",
  ),
  (
    Risk(CONNECTS, "calls a server or opens one"),
    "RpcClient RpcCall RpcServer RpcServerRegister RpcServerStart Rpc TryRpc",
  ),
  (
    Risk(CONNECTS, "runs a function on a device that may be of another host"),
    "RemoteCall",
  ),
  (
    Risk(CONNECTS, "exchanges a tensor with a device that may be another host"),
    "Send Recv _Send _Recv _HostSend _HostRecv",
  ),
  (
    Risk(CONNECTS, "exchanges tensors with the group of hosts of this process"),
    "CollectiveReduce CollectiveReduceV2 CollectiveReduceV3 "
    "CollectiveReduceScatterV2 CollectiveGather CollectiveGatherV2 "
    "CollectiveBcastSend CollectiveBcastSendV2 CollectiveBcastRecv "
    "CollectiveBcastRecvV2 CollectiveAllToAllV2 CollectiveAllToAllV3 "
    "CollectiveInitializeCommunicator DTensorAllReduce DTensorAllGather "
    "DTensorAllScatter DTensorAllToAll DTensorReduceScatter",
  ),
  (
    Risk(CONNECTS, "starts, stops or connects hosts of a TPU system"),
    "ConfigureDistributedTPU _ConfigureDistributedTPU _WaitForDistributedTPU "
    "ConfigureAndInitializeGlobalTPU _InitializeHostForDistributedTPU "
    "ShutdownDistributedTPU _ShutdownDistributedTPU ShutdownTPUSystem "
    "_DisconnectHostFromDistributedTPUSystem ConfigureTPUEmbedding "
    "ConfigureTPUEmbeddingHost ConnectTPUEmbeddingHosts WorkerHeartbeat",
  ),
  (
    Risk(CONNECTS, "sets how the process reaches a file system, for all of it"),
    "FileSystemSetConfiguration GcsConfigureBlockCache GcsConfigureCredentials",
  ),
  (
    Risk(CONNECTS, "reads from or writes to a database or message queue"),
    "BigQueryReader BigtableClient DatasetToBigtable KafkaDataset WriteKafka "
    "KinesisDataset IgniteDataset",
  ),
  (
    Risk(RUNS_PYTHON, "calls a Python function of this process by its name"),
    "PyFunc PyFuncStateless EagerPyFunc",
  ),
  (
    Risk(LOADS_CODE, "runs a graph that it gets as bytes, unseen by this scan"),
    "DatasetFromGraph RemoteFusedGraphExecute",
  ),
  (
    Risk(
      LOADS_CODE,
      "runs a compiled program that it holds as bytes, unseen by this scan",
    ),
    "XlaCallModule MlirPassthroughOp _TPUCompileMlir _XlaHostComputeMlir",
  ),
  (
    Risk(LOADS_CODE, "calls a native function of this process by its name"),
    "XlaCustomCall XlaCustomCallV2",
  ),
  (
    Risk(LOADS_CODE, "loads a TensorRT engine, which is native code"),
    "TRTEngineOp InitializeTRTResource",
  ),
)

RISKY_OPS: dict[str, Risk] = {
  op: risk for risk, ops in _GROUPS for op in ops.split()
}

# These reach outside with some values of their inputs or attributes only;
# `node_risks.py` looks at those.
CONDITIONAL_OPS: dict[str, Risk] = {
  op: risk
  for risk, ops in (
    (
      Risk(WRITES_FILES, "prints to the file that its attribute names"),
      "PrintV2",
    ),
    (
      Risk(WRITES_FILES, "keeps the elements of a data set in files"),
      "CacheDataset CacheDatasetV2",
    ),
    (
      Risk(READS_FILES, "reads the descriptor file that its attribute names"),
      "DecodeProtoV2 EncodeProto",
    ),
    (
      Risk(READS_FILES, "reads the vocabulary that its attribute names"),
      "FixedUnigramCandidateSampler",
    ),
    (
      Risk(WRITES_FILES, "writes a tensor to the debug_urls of its attribute"),
      "DebugIdentity DebugIdentityV2 DebugIdentityV3 DebugNanCount "
      "DebugNumericSummary",
    ),
  )
  for op in ops.split()
}

UNKNOWN = Risk(
  UNKNOWN_OP,
  "is not TensorFlow's: it runs code of a library that the program loads, "
  "which nobody looked at here",
)

# What savers consist of: {op: the inputs that name the checkpoint}. Those of a
# graph's own saver only run with the checkpoint that the loader names.
CHECKPOINT_OPS = {
  "Save": (0,),
  "SaveSlices": (0,),
  "SaveV2": (0,),
  "MergeV2Checkpoints": (0, 1),
  "Restore": (0,),
  "RestoreSlice": (0,),
  "RestoreV2": (0,),
}

# How the internal ops of TensorFlow start that its API, `tf.raw_ops`, leaves
# out and that a graph may hold.
INTERNAL_OP_PREFIXES = ("_", "DTensor", "Risc", "TPU", "Xla")
