"""The list of ops that reach outside of a graph, and that it is complete."""

import re

import pytest
import security_modules

from hub_estimator import hub
from hub_estimator.hub.security import node_risks, risky_ops
from hub_estimator.tf_compat import tf

# Private on purpose: no public function lists all ops, also the internal ones.
from tensorflow.core.framework import op_def_pb2  # isort: skip
from tensorflow.python.client import pywrap_tf_session  # isort: skip

# What names of ops, and of their inputs and attributes, look like that have to
# do with files, connections, Python or programs.
_SUSPICIOUS_OP = re.compile(
  r"file|(?<![a-z])py|rpc|remote|reader|writer(?!a)|sock|send|recv|collective"
  r"|host|distribut|custom|engine|exec|import|launch|serv(er|ice)|^save"
  r"|^restore|^load|record|snapshot|sql|csvd|lmdb|dump|debug|^print|heartbeat"
  r"|checkpoint",
  re.IGNORECASE,
)
_SUSPICIOUS_ARGUMENT = re.compile(
  r"file|path|addr|url|uri|host|socket|server|port$|prefix|dir$|directory"
  r"|librar|script|target|data_source|memory_region|protocol|program|mlir"
  r"|module|graph_def|segment$|token$|query|endpoint|cluster|bucket$|pattern$"
  r"|remote|worker",
  re.IGNORECASE,
)

# Looked at and harmless, and why.
_HARMLESS = {
  "reads or writes what another op of the list has opened": """
    CloseSummaryWriter DeleteRpcFutureResource FlushSummaryWriter
    IdentityReader IdentityReaderV2 ReaderNumRecordsProduced
    ReaderNumRecordsProducedV2 ReaderNumWorkUnitsCompleted
    ReaderNumWorkUnitsCompletedV2 ReaderRead ReaderReadUpTo ReaderReadUpToV2
    ReaderReadV2 ReaderReset ReaderResetV2 ReaderRestoreState
    ReaderRestoreStateV2 ReaderSerializeState ReaderSerializeStateV2
    RpcCheckStatus RpcGetValue SnapshotNestedDatasetReader
    StatsAggregatorSetSummaryWriter SummaryWriter""",
  "makes a text and opens nothing": """
    ShardedFilename ShardedFilespec TensorSliceDataset TensorSummary""",
  "computes, from tensors alone": """
    ApproxTopK BoostedTreesCreateEnsemble BoostedTreesDeserializeEnsemble
    BoostedTreesExampleDebugOutputs CTCBeamSearchDecoder
    CollectiveAssignGroupV2 CustomAggregator DatasetFingerprint
    DebugGradientIdentity DebugGradientRefIdentity DebugNumericSummaryV2
    Fingerprint HostConst InTopK InTopKV2 LookupTableImport LookupTableImportV2
    RegexFullMatch RegexReplace SdcaFprint Snapshot StaticRegexFullMatch
    StaticRegexReplace Xlog1py""",
  "prints to the standard error stream": "Print",
  "of tf.data, names nothing outside": """
    AutoShardDataset ExperimentalAutoShardDataset
    ExperimentalSetStatsAggregatorDataset SetStatsAggregatorDataset""",
  "moves tensors between this host and its own devices": """
    CollectivePermute CopyHost CudnnRNNBackpropV2 CudnnRNNBackpropV3
    XlaHostCompute XlaRecv XlaRecvFromHost XlaSend XlaSendToHost
    _CopyFromGpuToHost _CopyFromHostToGpu _FusedConv2D _FusedQuantizedConv2D
    _FusedQuantizedDepthwiseConv2D _HostCast _NcclBroadcastRecv
    _NcclBroadcastSend _NcclReduceRecv _NcclReduceSend _QuantizedMatMul
    _XlaRecvAtHost _XlaRecvAtHostV2 _XlaSendFromHost _XlaSendFromHostV2
    _MklNativeFusedConv2D""",
  "runs functions of the graph, which are looked at, or what was compiled of "
  "them": """
    TPUExecute TPUExecuteAndUpdateVariables TPUReplicateMetadata
    TfLiteSubgraphExecute XlaLaunch XlaLaunchV2 _TPUReplicate""",
  "moves parameters to and from a TPU's memory": """
    ExecuteTPUEmbeddingPartitioner GetMinibatchSplitsWithPhysicalReplica
    GetMinibatchesInCsrWithPhysicalReplica RecvTPUEmbeddingActivations
    SendTPUEmbeddingGradients StoreMinibatchStatisticsInFdo
    XlaRecvTPUEmbeddingActivations XlaRecvTPUEmbeddingActivationsV2
    XlaRecvTPUEmbeddingDeduplicationData
    XlaRecvTPUEmbeddingDeduplicationDataV2 XlaSendTPUEmbeddingGradients
    XlaSendTPUEmbeddingGradientsV2""",
}
# A family for each of many optimizers.
_HARMLESS_FAMILIES = re.compile(
  r"(LoadAll|Load)TPUEmbedding\w*Parameters"
  r"|XlaSparseDenseMatmulCustomCombinerOnTc\w*"
)
# TensorFlow 1's, in its own library or in contrib.
_NO_LONGER_REGISTERED = {
  "BigQueryReader",
  "BigtableClient",
  "DatasetToBigtable",
  "GcsConfigureBlockCache",
  "GcsConfigureCredentials",
  "IgniteDataset",
  "KafkaDataset",
  "KinesisDataset",
  "RemoteFusedGraphExecute",
  "Rpc",
  "SequenceFileDataset",
  "TryRpc",
  "WriteKafka",
}
# In one of the supported versions or builds.
_NOT_IN_ALL = {
  "CalibrationStatisticsSaver",
  "InitializeTRTResource",
  "ListSnapshotChunksDataset",
  "SerializeTRTResource",
  "TRTEngineOp",
}
_LISTED = {**risky_ops.RISKY_OPS, **risky_ops.CONDITIONAL_OPS}


def registered_ops():
  """Returns {op type: OpDef} of all that this TensorFlow registers."""
  buffer = pywrap_tf_session.TF_GetAllOpList()
  content = pywrap_tf_session.TF_GetBuffer(buffer)
  return {op.name: op for op in op_def_pb2.OpList.FromString(content).op}


def test_all_suspicious_ops_of_this_tensorflow_were_looked_at():
  reviewed = set(_LISTED)
  for names in _HARMLESS.values():
    reviewed.update(names.split())
  suspicious = set()
  for name, op in registered_ops().items():
    arguments = [arg.name for arg in (*op.input_arg, *op.attr)]
    if _SUSPICIOUS_OP.search(name) or any(
      map(_SUSPICIOUS_ARGUMENT.search, arguments)
    ):
      suspicious.add(name)
  assert len(suspicious) > 200
  new = {
    name
    for name in suspicious - reviewed
    if not _HARMLESS_FAMILIES.fullmatch(name)
  }
  # Look at those that show up, and put them into risky_ops.py or _HARMLESS.
  assert new == set()


def test_no_op_is_both_listed_and_harmless():
  harmless = [name for names in _HARMLESS.values() for name in names.split()]
  assert len(harmless) == len(set(harmless))
  assert not set(harmless) & set(_LISTED)
  assert not set(risky_ops.RISKY_OPS) & set(risky_ops.CONDITIONAL_OPS)
  assert not node_risks.harmless_ops() & set(_LISTED)
  assert set(risky_ops.CHECKPOINT_OPS) <= set(risky_ops.RISKY_OPS)


def test_the_listed_ops_exist():
  missing = set(_LISTED) - set(registered_ops())
  assert missing - _NOT_IN_ALL == _NO_LONGER_REGISTERED


def test_the_file_inputs_of_listed_ops_are_texts():
  ops = registered_ops()
  for name, risk in _LISTED.items():
    if name in ops:
      for position in risk.file_inputs:
        argument = ops[name].input_arg[position]
        assert argument.type == tf.string.as_datatype_enum, name
        assert re.search("file|path", argument.name), name
  for name, positions in risky_ops.CHECKPOINT_OPS.items():
    for position in positions:
      argument = ops[name].input_arg[position]
      assert argument.type == tf.string.as_datatype_enum, name
      assert re.search("file|prefix", argument.name), name


@pytest.mark.parametrize("op", sorted(risky_ops.RISKY_OPS))
def test_each_op_of_the_list_is_found(op, tmp_path):
  graph = security_modules.meta_graph(
    [security_modules.node(op)], tags=["b", "a"]
  )
  graph.signature_def["default"].outputs["default"].name = "risky:0"
  path = security_modules.write(tmp_path / "module", graph)
  (finding,) = hub.scan_module(path)
  risk = risky_ops.RISKY_OPS[op]
  assert finding == (("a", "b"), "risky", op, risk.kind, risk.reason)
  assert finding.is_risky


def test_every_kind_is_there():
  assert {risk.kind for risk in _LISTED.values()} == {
    "reads files",
    "writes files",
    "connects",
    "runs Python",
    "loads code",
  }


_FILE = b"file:///tmp/debug"


@pytest.mark.parametrize(
  ("op", "attrs", "kind"),
  [
    ("PrintV2", {}, None),
    ("PrintV2", {"output_stream": b"stderr"}, None),
    ("PrintV2", {"output_stream": b"log(info)"}, None),
    ("PrintV2", {"output_stream": b"file:///tmp/x"}, "writes files"),
    ("DecodeProtoV2", {}, None),
    ("DecodeProtoV2", {"descriptor_source": b"local://"}, None),
    ("DecodeProtoV2", {"descriptor_source": b"bytes://abc"}, None),
    ("DecodeProtoV2", {"descriptor_source": b"/tmp/x.pb"}, "reads files"),
    ("EncodeProto", {"descriptor_source": b"local://"}, None),
    ("EncodeProto", {"descriptor_source": b"x.pb"}, "reads files"),
    ("FixedUnigramCandidateSampler", {"vocab_file": b""}, None),
    ("FixedUnigramCandidateSampler", {"vocab_file": b"/x"}, "reads files"),
    ("DebugIdentity", {}, None),
    ("DebugIdentity", {"debug_urls": [_FILE]}, "writes files"),
    ("DebugIdentityV2", {"debug_urls": [_FILE]}, "writes files"),
    ("DebugIdentityV3", {"debug_urls": [b"grpc://host:1"]}, "connects"),
    ("DebugNanCount", {"debug_urls": [_FILE, b"http://host"]}, "connects"),
    ("DebugNumericSummary", {"debug_urls": [b"grpc://host:1"]}, "connects"),
    ("CacheDataset", {}, "writes files"),
    ("CacheDatasetV2", {}, "writes files"),
  ],
)
def test_ops_that_reach_outside_by_their_attributes(op, attrs, kind, tmp_path):
  path = security_modules.write(
    tmp_path / "module",
    security_modules.meta_graph([security_modules.node(op, **attrs)]),
  )
  findings = hub.scan_module(path)
  assert [finding.kind for finding in findings] == ([kind] if kind else [])


@pytest.mark.parametrize(
  ("text", "is_found"), [("", False), ("/tmp/cache", True)]
)
def test_a_data_set_that_is_cached(text, is_found, tmp_path):
  path = security_modules.write(
    tmp_path / "module",
    security_modules.meta_graph(
      [
        security_modules.constant("name", text),
        security_modules.node("Identity", "same", ["name"]),
        security_modules.node("CacheDatasetV2", inputs=["data", "same"]),
      ]
    ),
  )
  assert bool(hub.scan_module(path)) == is_found


def test_ops_that_are_not_tensorflows(tmp_path):
  path = security_modules.write(
    tmp_path / "module",
    security_modules.meta_graph(
      [
        security_modules.node("SentencepieceTokenizeOp", "tokens"),
        security_modules.node("XlaSharding", "internal"),
        security_modules.node("_Arg", "argument"),
        security_modules.node("own", "call"),
      ],
      [security_modules.function("own", [security_modules.node("IO>Kafka")])],
    ),
  )
  findings = hub.scan_module(path)
  assert [(f.node, f.op, f.kind) for f in findings] == [
    ("tokens", "SentencepieceTokenizeOp", "unknown op"),
    ("function own, node risky", "IO>Kafka", "unknown op"),
  ]
  assert not any(finding.is_risky for finding in findings)
