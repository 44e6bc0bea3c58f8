"""Options of the web page: the names that the channels of its inputs may have."""

from typing import Any

from hrpn_tf._version import __version__
from hrpn_tf.config import Config
from hrpn_tf.slides.roles import role_pattern


def web_options(config: Config, name: str) -> dict[str, Any]:
    """The options of the format "web".

    Args:
        config: of the run; a channel that it gives by its name is the first to be suggested.
        name: of the network.
    """
    roles: dict[str, dict[str, str]] = {}
    for role in config.data.inputs:
        channel, pattern = config.data.channels.get(role), role_pattern(role)
        named = {"name": channel} if isinstance(channel, str) else {}
        roles[role] = named | ({} if pattern is None else {"pattern": pattern})
    return {"name": name, "program": f"hrpn-tf {__version__}", "roles": roles}
