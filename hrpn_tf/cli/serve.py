"""``hrpn-tf serve``: predictions with a bundle over HTTP."""

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from pydantic import ByteSize, TypeAdapter, ValidationError

from hrpn_tf.cli.options import option_group
from hrpn_tf.cli.signals import TerminatedError
from hrpn_tf.errors import UsageError
from hrpn_tf.kinds import refuse_other_kind
from hrpn_tf.service.settings import TOKEN_VARIABLE, Limits, ServiceSettings, read_token
from hrpn_tf.workflows.networks.auto import AUTO

logger = logging.getLogger(__name__)

_network_options = option_group(
    "network",
    lambda **values: {name: value for name, value in values.items() if value is not None},
    click.option("--model-format", "format", metavar="NAME", help="Format to run (default: any)."),
    click.option("--precision", metavar="NAME", help="Precision to run (default: fp32)."),
    click.option(
        "--runtime",
        metavar="NAME",
        default=AUTO,
        show_default=True,
        help="What runs the network: keras, tensorflow, onnxruntime, openvino, litert or tensorrt. "
        "auto takes the fastest certified one of this machine that fits the memory, when the "
        "service starts.",
    ),
    click.option("--device", metavar="NAME", help="Device: cpu, cuda, cuda:1 (default: cpu)."),
    click.option(
        "--uncertified", is_flag=True, help="Also run a format that failed certification."
    ),
    click.option(
        "--intervals", is_flag=True, help="Also predict lower and upper bounds, as two channels."
    ),
)

_limit_options = option_group(
    "limits",
    lambda max_upload, max_jobs, **values: Limits(
        upload_bytes=_bytes("--max-upload", max_upload), jobs=max_jobs, **values
    ),
    click.option(
        "--max-upload", metavar="SIZE", default="16GiB", help="Largest upload (default: 16GiB)."
    ),
    click.option(
        "--max-jobs",
        type=click.IntRange(min=1),
        default=100,
        help="Jobs that wait or run at once; more are refused (default: 100).",
    ),
    click.option(
        "--timeout",
        "seconds",
        type=click.FloatRange(min=0, min_open=True),
        default=3600.0,
        help="Longest prediction of one job, in seconds (default: 3600).",
    ),
    click.option(
        "--client-timeout",
        "client_seconds",
        type=click.FloatRange(min=0, min_open=True),
        default=60.0,
        help="Seconds in which each MiB of an upload must come (default: 60).",
    ),
    click.option(
        "--keep-days",
        type=click.FloatRange(min=0, min_open=True),
        help="Remove finished jobs after so many days (default: keep them).",
    ),
)


@click.command("serve")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--jobs",
    type=click.Path(path_type=Path),
    help="Folder of the jobs, their slides and results (default: serve-BUNDLE).",
)
@click.option("--host", default="127.0.0.1", help="Address to listen on (default: 127.0.0.1).")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    help="Port to listen on; 0 takes any free one (default: 8000).",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help=f"File with the token that requests must bear (default: {TOKEN_VARIABLE} of the "
    "environment). Required with another --host.",
)
@click.option(
    "--allow",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder whose slides may be named by path; may be repeated (default: none).",
)
@click.option("--max-ram", metavar="SIZE", help="Memory that the service may use in all, e.g. 4GB.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    help="Jobs that are predicted at once, each by a process (default: 1).",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="prediction.KEY=VALUE",
    help="Configuration value to override; may be repeated.",
)
@_network_options
@_limit_options
def command(
    bundle: Path,
    jobs: Path | None,
    token_file: Path | None,
    allow: tuple[Path, ...],
    max_ram: str | None,
    network: dict[str, Any],
    **others: Any,
) -> None:
    """Serve predictions with BUNDLE over HTTP: send a slide, watch the job, fetch an OME-TIFF.

    Listens on this machine alone unless --host says otherwise. Jobs are kept in a folder: after
    a stop and a new start, the service resumes them. The page /docs of the service describes its
    interface.
    """
    from hrpn_tf.service.server import serve

    refuse_other_kind(bundle, "bundle")
    settings = ServiceSettings(
        network={"folder": bundle.absolute(), **network},
        jobs=(jobs or Path(f"serve-{bundle.absolute().name}")).absolute(),
        token=read_token(token_file),
        allow=tuple(folder.resolve() for folder in allow),
        max_ram=None if max_ram is None else _bytes("--max-ram", max_ram),
        **others,
    )
    where = f"jobs in {settings.jobs}"
    with suppress(TerminatedError, KeyboardInterrupt):
        serve(
            settings,
            lambda address, runtime, _: logger.info(f"serving on {address}, in {runtime}, {where}"),
        )
    logger.info(f"stopped; {where} are kept")


def _bytes(option: str, text: str) -> int:
    """A size in bytes, such as ``4GB``.

    Raises:
        UsageError: it is none.
    """
    try:
        size = int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        size = 0
    if size <= 0:
        raise UsageError(f"{option} {text}: expected a size such as 4GB")
    return size
