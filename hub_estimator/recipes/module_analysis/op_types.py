"""Which ops do what: tables of op types."""

from __future__ import annotations

# Ops whose data operand 0 is a table from which rows are picked.
LOOKUPS = frozenset(
  {
    "Gather",
    "GatherNd",
    "GatherV2",
    "ResourceGather",
    "ResourceGatherNd",
    "SparseSegmentMean",
    "SparseSegmentMeanWithNumSegments",
    "SparseSegmentSqrtN",
    "SparseSegmentSqrtNWithNumSegments",
    "SparseSegmentSum",
    "SparseSegmentSumWithNumSegments",
  }
)

# Ops that are a layer if they combine activations with a variable of at least
# two dimensions.
WEIGHT_LAYERS = LOOKUPS | frozenset(
  {
    "BatchMatMul",
    "BatchMatMulV2",
    "BatchMatMulV3",
    "BlockLSTM",
    "BlockLSTMV2",
    "Conv",
    "Conv2D",
    "Conv2DBackpropInput",
    "Conv2DBackpropInputV2",
    "Conv3D",
    "Conv3DBackpropInput",
    "Conv3DBackpropInputV2",
    "CudnnRNN",
    "CudnnRNNV2",
    "CudnnRNNV3",
    "DepthwiseConv2dNative",
    "DepthwiseConv2dNativeBackpropInput",
    "Dilation2D",
    "Einsum",
    "GRUBlockCell",
    "LSTMBlockCell",
    "MatMul",
    "SparseMatMul",
    "SparseTensorDenseMatMul",
    "_FusedConv2D",
    "_FusedMatMul",
  }
)

# Ops that run functions: what happens inside is not looked at.
FUNCTION_CALLS = frozenset(
  {
    "Case",
    "If",
    "PartitionedCall",
    "RemoteCall",
    "StatefulPartitionedCall",
    "StatelessCase",
    "StatelessIf",
    "StatelessWhile",
    "SymbolicGradient",
    "While",
  }
)

# Ops that tell the size of activations, and nothing of their values.
SIZES = frozenset(
  {
    "OnesLike",
    "Rank",
    "Shape",
    "ShapeN",
    "Size",
    "TensorArraySizeV2",
    "TensorArraySizeV3",
    "ZerosLike",
  }
)

# Ops that hand operand 0 on: the others say where it goes or which part of it.
SWITCHES = frozenset({"RefSwitch", "Switch"})

ENTERS = frozenset({"Enter", "RefEnter"})
EXITS = frozenset({"Exit", "RefExit"})
MERGES = frozenset({"Merge", "RefMerge"})
NEXT_ITERATIONS = frozenset({"NextIteration", "RefNextIteration"})

# Ops after which the values are those of operand 0, in another shape or type.
PASSED_THROUGH = frozenset(
  {
    "BroadcastTo",
    "Cast",
    "CheckNumerics",
    "Enter",
    "EnsureShape",
    "ExpandDims",
    "Identity",
    "IdentityN",
    "PreventGradient",
    "RefEnter",
    "RefSwitch",
    "Reshape",
    "Snapshot",
    "Squeeze",
    "StopGradient",
    "StridedSlice",
    "Switch",
    "Tile",
    "Transpose",
  }
)

FUSED_NORMALIZATIONS = frozenset(
  {
    "FusedBatchNorm",
    "FusedBatchNormV2",
    "FusedBatchNormV3",
    "_FusedBatchNormEx",
  }
)
BIAS_ADDS = frozenset({"BiasAdd", "BiasAddV1"})
ADDITIONS = frozenset({"Add", "AddN", "AddV2"})
DIVISIONS = frozenset({"Div", "DivNoNan", "RealDiv"})

# Op type -> position of the operand that is a bias.
FUSED_BIASES = {
  "BlockLSTM": (8,),
  "BlockLSTMV2": (8,),
  "GRUBlockCell": (4, 5),
  "LSTMBlockCell": (7,),
}

# Ops that write to the variable that is their operand 0.
ASSIGNMENTS = frozenset(
  {
    "Assign",
    "AssignAdd",
    "AssignAddVariableOp",
    "AssignSub",
    "AssignSubVariableOp",
    "AssignVariableOp",
    "ResourceScatterAdd",
    "ResourceScatterSub",
    "ResourceScatterUpdate",
    "ScatterAdd",
    "ScatterSub",
    "ScatterUpdate",
  }
)
