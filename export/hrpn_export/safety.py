"""Checks that an untrusted model file holds arithmetic and nothing else.

The checks read the file without executing anything in it. TensorRT engines are machine code and
cannot be checked, so load them only if you trust their maker.
"""

import json
import mmap
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hrpn_export.errors import DamagedBundleError
from hrpn_export.manifest import one_line

# Keras layers that contain or load programs: bytecode, pickles, other files.
_PROGRAMS = {
    "Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer",
}  # fmt: skip
# Keras layers that read a file named in their configuration.
_READERS = {"IntegerLookup", "StringLookup", "TextVectorization"}
_KERAS_PARTS = {"config.json", "metadata.json", "model.weights.h5"}
_LARGEST_CONFIG = 64 * 2**20

# TensorFlow marks operations with side effects as stateful. A network needs these of them ...
_STATEFUL = {
    "Assert", "AssignVariableOp", "DisableCopyOnRead", "If", "ReadVariableOp",
    "StatefulPartitionedCall", "VarHandleOp", "VarIsInitializedOp", "While",
}  # fmt: skip
# ... and these are not marked although they access files, memory or Python.
_HIDDEN = {
    "Copy", "CopyHost", "GenerateVocabRemapping", "ImmutableConst", "InitializeTableFromTextFile",
    "MatchingFiles", "PyFuncStateless", "ReadFile",
}  # fmt: skip
_HIDDEN_KINDS = ("Dataset", "Debug", "Reader", "XlaCustomCall", "Snapshot")
# In every SavedModel: TensorFlow itself calls them to read the weights; nothing else may.
_CHECKPOINT = {"MergeV2Checkpoints", "RestoreV2", "SaveV2"}


def check_keras(path: Path) -> None:
    """Refuse a ``.keras`` file with a Lambda, a wrapped program, or parts besides the weights.

    Raises:
        DamagedBundleError: it contains one of these, or is no Keras file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            foreign = set(archive.namelist()) - _KERAS_PARTS
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DamagedBundleError(f"{path}: no Keras file: {one_line(str(error))}") from None
    if foreign:
        name = one_line(repr(min(foreign)))
        raise DamagedBundleError(f"{path}: holds {name}, which is no part of a Keras model here")
    for item in keras_objects(path):
        kind = item.get("class_name")
        if kind in _PROGRAMS:
            raise DamagedBundleError(
                f"{path}: holds a {kind}, which is a program; it is not loaded, nor run"
            )
        if kind in _READERS:
            raise DamagedBundleError(f"{path}: holds a {kind}, which may read other files")


def keras_objects(path: Path) -> Iterator[dict[str, Any]]:
    """Every object in the configuration of a ``.keras`` file: layers, initialisers and so on.

    Raises:
        DamagedBundleError: it is no Keras file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > _LARGEST_CONFIG:
                raise DamagedBundleError(f"{path}: its configuration is too large")
            todo = [json.loads(archive.read("config.json"))]
    except (OSError, ValueError, KeyError, RecursionError, zipfile.BadZipFile) as error:
        raise DamagedBundleError(f"{path}: no Keras file: {one_line(str(error))}") from None
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            if "class_name" in item:
                yield item
            todo += item.values()
        elif isinstance(item, list):
            todo += item


def check_onnx(path: Path) -> None:
    """Refuse an ONNX file that reads other files: external data, or a compiled context.

    Raises:
        DamagedBundleError: it does, or it is no ONNX file.
    """
    if not _holds(path, (b"location", b"EPContext")):
        return  # a file with either contains its name
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        raise DamagedBundleError(f"{path}: no ONNX file: {one_line(str(error))}") from None
    for message in _messages(model):
        kind = type(message).__name__
        if kind == "TensorProto" and (message.external_data or message.data_location):
            raise DamagedBundleError(f"{path}: refers to weights in another file")
        if kind == "NodeProto" and message.op_type == "EPContext":
            raise DamagedBundleError(f"{path}: refers to a compiled model in another file")


def check_tflite(path: Path) -> None:
    """Refuse a TFLite file that reads other files; its operations can access nothing but tensors.

    Raises:
        DamagedBundleError: it does, or it is no TFLite file.
    """
    # older runtimes do not have these fields in their schema, and read no other files
    from ai_edge_litert import schema_py_generated as schema

    try:
        content = path.read_bytes()
        if content[4:8] != b"TFL3":
            raise ValueError("it does not begin as one")
        model = schema.Model.GetRootAs(content)
        parts = ("ExternalBufferGroupsLength", "ExternalBuffersLength")
        outside = sum(getattr(model, part)() for part in parts if hasattr(model, part))
    except (OSError, ValueError, TypeError, IndexError, struct.error) as error:
        raise DamagedBundleError(f"{path}: no TFLite file: {one_line(str(error))}") from None
    if outside:
        raise DamagedBundleError(f"{path}: refers to weights in another file")


def check_saved_model(path: Path) -> None:
    """Refuse a SavedModel with operations on files, Python or the network.

    Args:
        path: folder of version folders.

    Raises:
        DamagedBundleError: it contains such an operation (named in the message), or is no
            SavedModel.
    """
    found = [p for p in sorted(path.glob("*/saved_model.pb*")) if p.is_file()]
    if not found:
        raise DamagedBundleError(f"{path}: holds no SavedModel")
    for file in found:
        _check_graph(file)


def _check_graph(file: Path) -> None:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    if file.suffix != ".pb":
        raise DamagedBundleError(f"{file}: only saved_model.pb is read")
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(file.read_bytes())
    except (DecodeError, OSError) as error:
        raise DamagedBundleError(f"{file}: no SavedModel: {one_line(str(error))}") from None
    for part in model.meta_graphs:
        functions = part.graph_def.library.function
        # functions that callers can reach; TensorFlow calls the others by the saver's names
        called = set(part.object_graph_def.concrete_functions)
        for function in functions:
            for attribute in (a for node in function.node_def for a in node.attr.values()):
                called |= {attribute.func.name, *(f.name for f in attribute.list.func)}
        nodes = [(node, False) for node in part.graph_def.node]
        for function in functions:
            own = function.signature.name not in called
            nodes += [(node, own) for node in function.node_def]
        for node, own in nodes:
            if not (_harmless(node.op) or (own and node.op in _CHECKPOINT)):
                raise DamagedBundleError(
                    f"{file}: holds the operation {one_line(node.op)}, which does more than compute"
                )


def _harmless(name: str) -> bool:
    from tensorflow.python.framework import op_def_registry

    operation = op_def_registry.get(name)
    if operation is None or name in _HIDDEN or any(kind in name for kind in _HIDDEN_KINDS):
        return False
    return not operation.is_stateful or name in _STATEFUL


def _messages(message: Any) -> Iterator[Any]:
    """A protobuf message and all messages in it."""
    todo = [message]
    while todo:
        item = todo.pop()
        yield item
        for field, value in item.ListFields():
            if field.message_type is not None:
                repeated = not hasattr(value, "ListFields")
                todo += list(value) if repeated else [value]


def _holds(path: Path, words: tuple[bytes, ...]) -> bool:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return any(view.find(word) >= 0 for word in words)
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise DamagedBundleError(f"{path}: no ONNX file: {one_line(str(error))}") from None
