"""A SavedModel that is not trusted: it may compute and read its own weights, and nothing else.

TensorFlow reads the operations from ``saved_model.pb`` and runs some when it loads a SavedModel:
those that restore the weights, that create resources, and that initialise. So every operation of
every function is looked up in a list of what a network needs, whether it seems to be called or not.
The two functions that write and read the checkpoint need operations on files. They are told by the
saver's entry, and nothing else in the file may name them.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from hrpn_export.boundary import named_errors, one_line
from hrpn_export.errors import DamagedBundleError
from hrpn_export.paths import files_below
from hrpn_export.safety import tensorflow_operations as operations

GRAPH, INDEX, DATA = "saved_model.pb", "variables/variables.index", "variables/variables.data-"
_FILES = {GRAPH, INDEX, f"{DATA}00000-of-00001", "fingerprint.pb"}
_MIB = 2**20
_LARGEST_GRAPH, _LARGEST_INDEX, _MOST_CONSTANTS = 256 * _MIB, 16 * _MIB, 256 * _MIB
_MOST_OBJECTS, _MOST_RUN = 200_000, 1_000_000
_KINDS = {
    "bare_concrete_function", "captured_tensor", "constant", "function", "user_object", "variable",
}  # fmt: skip
# Names of classes that load an object; TensorFlow's constants alone have one here.
_CLASSES = {"", "tf.TrackableConstant"}
# What TensorFlow's own program writes into the names of the shards of a checkpoint.
_SHARD_NAMES = {b".part", b"_temp/part"}
_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}


def check_saved_model(path: Path) -> None:
    """Refuse a SavedModel with operations on files, Python or the network.

    Args:
        path: folder with one version folder in it.

    Raises:
        DamagedBundleError: it contains such an operation (named in the message), something that
            cannot be vouched for, or is no SavedModel.
    """
    with named_errors(f"{path}: no SavedModel"):
        folder = _version(path)
        meta = _meta_graph(folder / GRAPH)
        file = folder / GRAPH
        _check_objects(file, meta)
        _check_operations(file, meta)
        _check_constants(file, meta)
        _check_weights(folder, meta)


def _version(path: Path) -> Path:
    """The version folder; it holds the files that the exporter writes, and no other.

    TensorFlow would read some others if they were there: text forms, assets, debugging facts.
    """
    versions = {name.partition("/")[0] for name in files_below(path)}
    if not versions:
        raise DamagedBundleError(f"{path}: holds no SavedModel")
    version = min(versions)
    if len(versions) > 1 or not (version.isascii() and version.isdigit()):
        raise DamagedBundleError(f"{path}: holds other things than one version of a SavedModel")
    names = set(files_below(path / version))
    if foreign := names - _FILES:
        name = one_line(repr(min(foreign)))
        raise DamagedBundleError(
            f"{path / version}: holds {name}, which is no part of a SavedModel here; only "
            f"{GRAPH} and its variables are read"
        )
    if GRAPH not in names:
        raise DamagedBundleError(f"{path}: holds no SavedModel")
    return path / version


def _meta_graph(file: Path) -> Any:
    """The only graph of the file, with an object graph.

    TensorFlow loads any other SavedModel as one of version 1: it imports the graph and runs what
    initialises it.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    if file.stat().st_size > _LARGEST_GRAPH:
        raise DamagedBundleError(f"{file}: larger than {_LARGEST_GRAPH} bytes, which is no network")
    model = saved_model_pb2.SavedModel()
    model.ParseFromString(file.read_bytes())
    if len(model.meta_graphs) != 1 or not model.meta_graphs[0].HasField("object_graph_def"):
        raise DamagedBundleError(
            f"{file}: holds not exactly one graph of TensorFlow 2 (with an object graph)"
        )
    return model.meta_graphs[0]


def _check_objects(file: Path, meta: Any) -> None:
    """Refuse objects that run a function, or read a file, while they are loaded."""
    objects = meta.object_graph_def.nodes
    if len(objects) > _MOST_OBJECTS:
        raise DamagedBundleError(f"{file}: holds {len(objects)} objects, which is no network")
    if meta.asset_file_def:
        raise DamagedBundleError(f"{file}: names other files (assets)")
    for item in objects:
        kind = item.WhichOneof("kind")
        if kind not in _KINDS:
            raise DamagedBundleError(f"{file}: holds an object of the kind {kind}")
        own = item.registered_name not in _CLASSES or item.registered_saver
        if own or item.saveable_objects or item.slot_variables:
            raise DamagedBundleError(f"{file}: holds an object with a way of its own to be loaded")


def _check_operations(file: Path, meta: Any) -> None:
    functions = {f.signature.name: f for f in meta.graph_def.library.function}
    if len(functions) < len(meta.graph_def.library.function) or meta.graph_def.library.gradient:
        raise DamagedBundleError(f"{file}: holds two functions of one name, or replaces a gradient")
    _refuse_unknown(file, meta.graph_def.node, operations.AROUND)
    saving = _saver_functions(file, meta, functions)
    for name, function in functions.items():
        if "api_implements" in function.attr:  # TensorFlow may put one such for another
            raise DamagedBundleError(f"{file}: {one_line(name)} may be replaced when it runs")
        _refuse_unknown(file, function.node_def, saving.get(name, operations.NETWORK))
        if name in saving:
            _check_saving(file, function)
    _check_calls(file, meta, functions)


def _refuse_unknown(file: Path, nodes: Iterable[Any], known: frozenset[str]) -> None:
    unknown = sorted({node.op for node in nodes} - known, key=_is_pure)
    if unknown:
        raise DamagedBundleError(
            f"{file}: holds the operation {one_line(unknown[0])}, which does more than compute, or "
            "which a network does not need"
        )


def _is_pure(name: str) -> bool:
    """Whether TensorFlow knows an operation and does not mark it as one with side effects."""
    from tensorflow.python.framework import op_def_registry

    operation = op_def_registry.get(name)
    return operation is not None and not operation.is_stateful


def _saver_functions(file: Path, meta: Any, functions: dict[str, Any]) -> dict[str, frozenset[str]]:
    """The functions that write and read the checkpoint, each with the operations it may hold.

    They are the ones that the nodes of the saver call. These nodes have no part in anything else,
    and no other part of the file holds the functions' names: neither functions, objects,
    signatures nor attributes.
    """
    saver, nodes = meta.saver_def, {node.name: node for node in meta.graph_def.node}
    found: dict[str, frozenset[str]] = {}
    whole = meta.SerializeToString()
    pairs = (
        (saver.save_tensor_name, operations.SAVING),
        (saver.restore_op_name, operations.RESTORING),
    )
    for wanted, allowed in pairs:
        node = nodes.get(_node_name(wanted))
        if node is None or node.op not in _CALLS or not node.input:
            continue
        called = [name for name in _called(node) if name in functions]
        name = called[0] if called else ""
        alone = len(called) == 1 and name not in found and whole.count(name.encode()) == 2
        if alone and node.name not in _named(meta) and node.input[0] == _FILE_NAME:
            found[name] = allowed
    return found


_FILE_NAME = "saver_filename"


def _named(meta: Any) -> set[str]:
    """The nodes that other nodes or signatures refer to."""
    names = {name for node in meta.graph_def.node for name in node.input}
    for signature in meta.signature_def.values():
        names |= {tensor.name for tensor in signature.inputs.values()}
        names |= {tensor.name for tensor in signature.outputs.values()}
    for collection in meta.collection_def.values():
        names |= set(collection.node_list.value)
    return {_node_name(name) for name in names}


def _node_name(tensor: str) -> str:
    return tensor.lstrip("^").partition(":")[0]


def _check_saving(file: Path, function: Any) -> None:
    """Refuse a function of the saver that names files itself, or that calls another function."""
    given = function.signature.input_arg[0].name if function.signature.input_arg else ""
    nodes = {node.name: node for node in function.node_def}

    def first(node: Any, place: int = 0) -> str:
        return node.input[place].partition(":")[0] if len(node.input) > place else ""

    sources: dict[str, Callable[[Any], bool]] = {
        "RestoreV2": lambda node: first(node) == given,
        "MergeV2Checkpoints": lambda node: first(node, 1) == given,
        "StringJoin": lambda node: first(node) == given and len(node.input) == 2,
        "ShardedFilename": lambda node: _op(nodes, first(node)) == "StringJoin",
        "SaveV2": lambda node: _op(nodes, first(node)) == "ShardedFilename",
    }
    for node in function.node_def:
        sound = sources.get(node.op, lambda _: True)(node) and not any(_called(node))
        value = node.attr["value"].tensor if "value" in node.attr else None
        if node.op == "Const" and value is not None and not value.tensor_shape.dim:
            sound = sound and set(value.string_val) <= _SHARD_NAMES
        if not sound:
            raise DamagedBundleError(
                f"{file}: holds the operation {node.op} on a file of its own choice"
            )


def _op(nodes: dict[str, Any], name: str) -> str:
    return nodes[name].op if name in nodes else ""


def _called(node: Any) -> Iterator[str]:
    """The functions that the attributes of a node name."""
    for value in node.attr.values():
        kind = value.WhichOneof("value")
        if kind == "func":
            yield value.func.name
        elif kind == "list":
            yield from (function.name for function in value.list.func)


def _check_calls(file: Path, meta: Any, functions: dict[str, Any]) -> None:
    """Refuse functions that call themselves, or so many others that they would never end."""
    run: dict[str, int] = {}

    def count(name: str, callers: tuple[str, ...]) -> int:
        if name not in functions or name in callers:
            raise DamagedBundleError(f"{file}: {one_line(name)} calls itself, or is not there")
        if name not in run:
            run[name] = total(functions[name].node_def, (*callers, name))
        return run[name]

    def total(nodes: Iterable[Any], callers: tuple[str, ...]) -> int:
        steps = sum(1 + sum(count(name, callers) for name in _called(node)) for node in nodes)
        if steps > _MOST_RUN:
            raise DamagedBundleError(f"{file}: would run more than {_MOST_RUN} operations")
        return steps

    total(meta.graph_def.node, ())
    for name in functions:
        count(name, ())


def _check_constants(file: Path, meta: Any) -> None:
    """Refuse constants that are larger than the file, since one stored number can fill them."""
    from tensorflow import dtypes

    parts = [meta.graph_def.node, *(f.node_def for f in meta.graph_def.library.function)]
    size = 0
    for node in (node for part in parts for node in part):
        for value in node.attr.values():
            if value.WhichOneof("value") == "tensor":
                shape = [dim.size for dim in value.tensor.tensor_shape.dim]
                size += math.prod(shape) * (dtypes.as_dtype(value.tensor.dtype).size or 1)
                if min(shape, default=0) < 0 or size > _MOST_CONSTANTS:
                    raise DamagedBundleError(f"{file}: holds constants without bound")


def _check_weights(folder: Path, meta: Any) -> None:
    """Refuse weights that would take more memory than there are bytes of them in the file."""
    import tensorflow as tf

    index, data = folder / INDEX, folder / f"{DATA}00000-of-00001"
    there = data.stat().st_size if data.exists() else 0
    declared = 0
    for item in meta.object_graph_def.nodes:
        if item.WhichOneof("kind") == "variable":
            shape = tf.TensorShape(item.variable.shape)
            if not shape.is_fully_defined():
                raise DamagedBundleError(f"{folder}: a weight has no size")
            declared += shape.num_elements() * tf.dtypes.as_dtype(item.variable.dtype).size
    if declared > there:
        raise DamagedBundleError(
            f"{folder}: its weights would take {declared} bytes, and {there} are there"
        )
    if not index.exists():
        return  # a network without weights
    if index.stat().st_size > _LARGEST_INDEX:
        raise DamagedBundleError(f"{index}: larger than {_LARGEST_INDEX} bytes")
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    kinds, stored = reader.get_variable_to_dtype_map(), 0
    for name, shape in reader.get_variable_to_shape_map().items():
        stored += math.prod(shape) * (kinds[name].size or 1)
    if stored > there:
        raise DamagedBundleError(
            f"{index}: its weights would take {stored} bytes, and {there} are there"
        )
