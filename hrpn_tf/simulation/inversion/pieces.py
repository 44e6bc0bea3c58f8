"""Long vessels in pieces, since leakiness may change along a vessel and where vessels join."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class Pieces:
    """The outlines of vessels, cut into pieces.

    Attributes:
        owner: (height, width) int64, piece of the nearest outline pixel; -1 without any vessel.
        distance_px: (height, width) float64, distance to the nearest pixel of a vessel; infinite
            without any.
        vessel: (pieces,) int64, number of the vessel that a piece belongs to, from 1.
    """

    owner: np.ndarray
    distance_px: np.ndarray
    vessel: np.ndarray


def cut_vessels(labels: np.ndarray, piece_px: float) -> Pieces:
    """Cut the outline of each vessel into pieces whose middles lie ``piece_px`` apart.

    The middles are found by farthest-point sampling, and an outline pixel belongs to the nearest
    middle of its vessel. A vessel within ``piece_px`` of its first middle stays in one piece.

    Args:
        labels: (height, width) integer, number of the vessel of each pixel; 0: none.
        piece_px: distance of middles, px.
    """
    inside = labels > 0
    if not inside.any():
        nothing = np.full(labels.shape, -1)
        return Pieces(nothing, np.full(labels.shape, np.inf), np.zeros(0, np.int64))
    outline = inside & (ndimage.minimum_filter(labels, 3, mode="nearest") != labels)
    if not outline.any():  # one vessel that fills the window
        outline = inside
    place = np.argwhere(outline)
    own = labels[outline]
    order = np.argsort(own, kind="stable")
    place, own = place[order], own[order]
    vessels, first = np.unique(own, return_index=True)
    piece, count, vessel = np.zeros(len(own), np.int64), 0, []
    for number, spots in zip(vessels, np.split(np.arange(len(own)), first[1:]), strict=True):
        middles = _middles(place[spots], piece_px)
        piece[spots] = count + cKDTree(middles).query(place[spots])[1]
        vessel += [int(number)] * len(middles)
        count += len(middles)
    numbers = np.full(labels.shape, -1)
    numbers[place[:, 0], place[:, 1]] = piece
    index = ndimage.distance_transform_edt(~outline, return_distances=False, return_indices=True)
    distance = ndimage.distance_transform_edt(~inside)
    return Pieces(numbers[index[0], index[1]], distance, np.array(vessel, np.int64))


def _middles(place: np.ndarray, apart: float) -> np.ndarray:
    """Points that every point lies within ``apart`` of, by farthest-point sampling."""
    centre = place.mean(axis=0)
    start = int(np.argmin(((place - centre) ** 2).sum(axis=1)))
    if np.hypot(*(place - centre).T).max() <= apart:
        return place[start : start + 1]
    chosen = [int(np.argmax(((place - centre) ** 2).sum(axis=1)))]
    distance = np.hypot(*(place - place[chosen[0]]).T)
    while distance.max() > apart:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.hypot(*(place - place[chosen[-1]]).T))
    middles: np.ndarray = place[chosen]
    return middles
