"""What a client may ask for, checked before anything is done."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_REGION = re.compile(r"\s*(\d{1,9})\s*,\s*(\d{1,9})\s*,\s*(\d{1,9})\s*,\s*(\d{1,9})\s*")
_CHANNEL = re.compile(r"([^=]+)=(.+)", re.DOTALL)
_MOST_CHANNELS, _LONGEST = 64, 200


def _region(value: Any) -> Any:
    """A region as text, ``X,Y,WIDTH,HEIGHT``, or as four numbers."""
    if isinstance(value, str):
        if (found := _REGION.fullmatch(value)) is None:
            raise ValueError("expected X,Y,WIDTH,HEIGHT in px, e.g. 0,0,4096,4096")
        return tuple(int(part) for part in found.groups())
    return value


def _channels(value: Any) -> Any:
    """Channels as texts, ``ROLE=NAME``, or as an object."""
    if isinstance(value, list):
        pairs = [_CHANNEL.fullmatch(str(text)) for text in value]
        if None in pairs:
            raise ValueError("expected ROLE=NAME, e.g. vessels=SpGreen")
        return {pair[1]: pair[2] for pair in pairs if pair is not None}
    return value


def _depth(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 7 else value


_Offset = Annotated[int, Field(ge=0, lt=2**31)]
_Length = Annotated[int, Field(ge=1, lt=2**31)]
Region = Annotated[tuple[_Offset, _Offset, _Length, _Length], BeforeValidator(_region)]
_Name = Annotated[str, Field(min_length=1, max_length=_LONGEST)]
Channels = Annotated[
    dict[_Name, _Name], Field(max_length=_MOST_CHANNELS), BeforeValidator(_channels)
]
Depth = Annotated[
    Annotated[int, Field(ge=1, lt=10**6)] | Literal["max", "mean"], BeforeValidator(_depth)
]


class Wish(BaseModel):
    """How a slide is to be predicted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: Region | None = Field(
        None, description="X, Y, width and height in px at full resolution; all of it by default."
    )
    channels: Channels = Field(
        default_factory=dict,
        description="Name or index of the channel in the file, by role of the input.",
    )
    pixel_size_um: float | None = Field(
        None, gt=0, lt=1e6, description="Pixel size in um, if the file states none."
    )
    z: Depth | None = Field(
        None, description="Of a stack: the plane to read, counted from 1, or max or mean of all."
    )


class PathWish(Wish):
    """The same for a slide that lies in a folder of the server."""

    path: Annotated[str, Field(min_length=1, max_length=4096)] = Field(
        description="Path of the slide on the server, within a folder that it allows."
    )
