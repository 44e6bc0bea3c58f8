"""Tables of a slide: one row per vessel, nucleus, region, sub-area and bin of distance."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hrpn_tf.evaluation.analysis.measures import SlideAnalysis
from hrpn_tf.evaluation.spatial.penetration import DEPTHS, penetration

# Columns by name; all of a table have the same length. NaN: undefined.
Table = dict[str, np.ndarray]

FEWEST_PIXELS = 5  # of a bin of one vessel
FEWEST_BINS = 3
HEAT = {1: "hot", -1: "cold", 0: ""}


def vessel_table(slide: SlideAnalysis) -> Table:
    """One row per vessel.

    Columns: slide, group, condition, vessel (number), y_um, x_um (centroid), area_um2 (outline,
    lumen included), perimeter_um, radius_um (of the circle of this area), mean_stain,
    surroundings (mean target up to ``perivascular_um``), wall (mean target in the first bin of
    distance), decay_1_e_um (where the excess over the slide's background falls to 1/e), pixels
    (nearest to the vessel), and with bounds surroundings_lower, surroundings_upper, and with a fit
    of what vessels leak strength, strength_lower, strength_upper, leaky, identifiable.
    """
    found, size = slide.measures, slide.measures.slide.pixel_size_um
    vessels, sums = found.slide.vessels, found.vessels
    assert sums is not None
    area = vessels.area_px * size**2
    profiles = sums.profiles
    table = {
        **_head(slide, len(vessels)),
        "vessel": np.arange(1, len(vessels) + 1),
        "y_um": (vessels.y_px + 0.5) * size,
        "x_um": (vessels.x_px + 0.5) * size,
        "area_um2": area,
        "perimeter_um": sums.perimeter_px * size,
        "radius_um": np.sqrt(area / np.pi),
        "mean_stain": sums.stain,
        "surroundings": _mean(found.by_vessel),
        "wall": _ratio(profiles[:, 1, 1], profiles[:, 1, 0]),
        "decay_1_e_um": vessel_depths(profiles, slide.background, found.bins.width_um),
        "pixels": profiles[..., 0].sum(axis=1).astype(np.int64),
    }
    table |= slide.fitted or {}
    return table | _bounds(slide, "surroundings", lambda each: _mean(each.by_vessel))


def vessel_depths(profiles: np.ndarray, background: float, bin_um: float) -> np.ndarray:
    """Distance at which the excess around each vessel falls to 1/e of that at its wall, um.

    As for the slide, see ``penetration``, over the bins from the vessel up to the first with fewer
    than ``FEWEST_PIXELS`` pixels. NaN where there are fewer than ``FEWEST_BINS`` such bins, no
    excess, a length below the width of a bin, or none within these bins.

    Args:
        profiles: (vessels, bins, 2) pixels and sums of the target.
        background: grey level from which the excess is measured.
        bin_um: width of a bin.
    """
    name, found = next(iter(DEPTHS)), np.full(len(profiles), np.nan)
    pixels, centres = profiles[:, 1:-1, 0], (np.arange(profiles.shape[1] - 2) + 0.5) * bin_um
    enough = pixels >= FEWEST_PIXELS
    lengths = np.where(enough.all(axis=1), enough.shape[1], (~enough).argmax(axis=1))
    for length in np.unique(lengths[lengths >= FEWEST_BINS]):
        own = np.flatnonzero(lengths == length)
        means = profiles[own, 1 : length + 1, 1] / pixels[own, :length]
        depths = penetration(centres[:length], means, np.ones(length), background)
        found[own] = depths.depths_um[name]
    found[~(found >= bin_um) | ~np.isfinite(found)] = np.nan
    return found


def nucleus_table(slide: SlideAnalysis) -> Table:
    """One row per nucleus.

    Columns: slide, group, condition, nucleus (number), y_um, x_um (centroid), area_um2,
    distance_um (to the nearest vessel; empty beyond the largest that is measured), value (mean
    target), positive (whether above the threshold), and with bounds lower, upper.
    """
    found, size = slide.measures, slide.measures.slide.pixel_size_um
    nuclei = found.nuclei
    distance = found.nucleus_distance_um
    table = {
        **_head(slide, len(nuclei)),
        "nucleus": np.arange(1, len(nuclei) + 1),
        "y_um": (nuclei.y_px + 0.5) * size,
        "x_um": (nuclei.x_px + 0.5) * size,
        "area_um2": nuclei.area_px * size**2,
        "distance_um": np.where(np.isfinite(distance), distance, np.nan),
        "value": nuclei.pred,
        "positive": nuclei.pred > found.slide.positive,
    }
    if slide.bounds is not None:
        table["lower"], table["upper"] = (each.nuclei.pred for each in slide.bounds)
    return table


def region_table(slide: SlideAnalysis) -> Table:
    """One row per region: slide, group, condition, region, pixels, mean, and its bounds."""
    regions = slide.measures.by_region
    table = {
        **_head(slide, len(regions)),
        "region": np.array(list(regions), dtype=object),
        "pixels": _sums(regions)[:, 0].astype(np.int64),
        "mean": _mean(_sums(regions)),
    }
    return table | _bounds(slide, "mean", lambda each: _mean(_sums(each.by_region)))


def sub_area_table(slide: SlideAnalysis) -> Table:
    """One row per sub-area: slide, group, condition, y_um, x_um (centre), mean, z and q of Gi*."""
    areas = slide.sub_areas
    kinds = [HEAT[int(kind)] for kind in areas.spots.kind]
    return {
        **_head(slide, len(areas.mean)),
        "y_um": areas.y_um,
        "x_um": areas.x_um,
        "mean": areas.mean,
        "gi_z": areas.spots.z,
        "gi_q": areas.spots.q,
        "spot": np.array(kinds, dtype=object),
    }


def profile_table(slide: SlideAnalysis) -> Table:
    """One row per bin of distance: from_um, to_um, mean_distance_um, pixels, mean, low, high."""
    profile = slide.profile
    nothing = np.full(len(profile.pixels), np.nan)
    curve = profile.pred
    return {
        **_head(slide, len(profile.pixels)),
        "from_um": profile.lower_um,
        "to_um": np.where(np.isfinite(profile.upper_um), profile.upper_um, np.nan),
        "mean_distance_um": profile.distance_um,
        "pixels": profile.pixels.astype(np.int64),
        "mean": curve.mean,
        "low": nothing if curve.low is None else curve.low,
        "high": nothing if curve.high is None else curve.high,
    }


def stacked(tables: list[Table]) -> Table:
    """The rows of several tables of the same kind; columns that one misses are empty there."""
    names = dict.fromkeys(name for table in tables for name in table)
    sizes = [len(table["slide"]) for table in tables]
    return {
        name: np.concatenate(
            [
                table.get(name, np.full(size, np.nan))
                for table, size in zip(tables, sizes, strict=True)
            ]
        )
        for name in names
    }


def _head(slide: SlideAnalysis, rows: int) -> Table:
    texts = {"slide": slide.name, "group": slide.group, "condition": slide.condition}
    return {name: np.full(rows, text, dtype=object) for name, text in texts.items()}


def _bounds(slide: SlideAnalysis, name: str, column: Any) -> Table:
    if slide.bounds is None:
        return {}
    lower, upper = (column(each) for each in slide.bounds)
    return {f"{name}_lower": lower, f"{name}_upper": upper}


def _sums(regions: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.array(list(regions.values()), float).reshape(-1, 3)


def _mean(sums: np.ndarray) -> np.ndarray:
    """Of the predicted target; sums as of ``SlideMeasures``."""
    return _ratio(sums[:, 2], sums[:, 0])


def _ratio(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: np.ndarray = one / other
    return ratio
