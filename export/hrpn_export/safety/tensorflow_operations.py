"""The operations of TensorFlow that a network in a SavedModel may hold.

All of them compute on tensors, and nothing else. Operations on files, Python, the network, tables,
datasets and random states are missing on purpose, and so are loops, which may never end.
"""

NETWORK = frozenset({
    "Abs", "Acos", "Acosh", "Add", "AddN", "AddV2", "All", "Any", "ArgMax", "ArgMin", "Asin",
    "Asinh", "Atan", "Atan2", "Atanh", "AvgPool", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3",
    "BatchToSpaceND", "BiasAdd", "Bitcast", "BroadcastArgs", "BroadcastTo", "Cast", "Ceil",
    "ClipByValue", "Concat", "ConcatV2", "Const", "Conv", "Conv2D", "Conv2DBackpropInput",
    "Conv2DBackpropInputV2", "Conv3D", "Conv3DBackpropInputV2", "Cos", "Cosh", "Cumprod",
    "Cumsum", "DepthToSpace", "DepthwiseConv2dNative", "DepthwiseConv2dNativeBackpropInput",
    "Div", "DivNoNan", "Einsum", "Elu", "EnsureShape", "Equal", "Erf", "Erfc", "Exp",
    "ExpandDims", "Expm1", "Fill", "Floor", "FloorDiv", "FloorMod", "FusedBatchNorm",
    "FusedBatchNormV2", "FusedBatchNormV3", "GatherNd", "GatherV2", "Greater", "GreaterEqual",
    "Identity", "IdentityN", "Inv", "InvertPermutation", "IsFinite", "IsInf", "IsNan", "L2Loss",
    "LeakyRelu", "Less", "LessEqual", "LinSpace", "Log", "Log1p", "LogSoftmax", "LogicalAnd",
    "LogicalNot", "LogicalOr", "LRN", "MatMul", "Max", "MaxPool", "MaxPoolV2", "Maximum", "Mean",
    "Min", "Minimum", "MirrorPad", "Mod", "Mul", "MulNoNan", "Neg", "NoOp", "NotEqual", "OneHot",
    "OnesLike", "Pack", "Pad", "PadV2", "Placeholder", "PlaceholderWithDefault", "Pow",
    "PreventGradient", "Prod", "Range", "Rank", "RealDiv", "Reciprocal", "Relu", "Relu6",
    "Reshape", "ResizeArea", "ResizeBicubic", "ResizeBilinear", "ResizeNearestNeighbor",
    "Reverse", "ReverseV2", "Rint", "Roll", "Round", "Rsqrt", "Select", "SelectV2", "Selu",
    "Shape", "ShapeN", "Sigmoid", "Sign", "Sin", "Sinh", "Size", "Slice", "Softmax", "Softplus",
    "Softsign", "SpaceToBatchND", "SpaceToDepth", "Split", "SplitV", "Sqrt", "Square",
    "SquaredDifference", "Squeeze", "StopGradient", "StridedSlice", "Sub", "Sum", "Tan", "Tanh",
    "Tile", "TopKV2", "Transpose", "TruncateDiv", "TruncateMod", "Unpack", "Where", "Xdivy",
    "Xlogy", "ZerosLike", "Assert", "CheckNumerics", "DisableCopyOnRead", "ReadVariableOp",
    "Case", "If", "PartitionedCall", "StatefulPartitionedCall", "StatelessCase", "StatelessIf",
})  # fmt: skip
# Of the graph that TensorFlow writes around the functions: initial values of the variables.
AROUND = NETWORK | {"AssignVariableOp", "VarHandleOp", "VarIsInitializedOp"}
# Of the two functions that write and read the checkpoint.
SAVING = NETWORK | {
    "MergeV2Checkpoints", "SaveV2", "ShardedFilename", "StaticRegexFullMatch", "StringJoin",
}  # fmt: skip
RESTORING = NETWORK | {"AssignVariableOp", "RestoreV2"}
