"""Suggests the role of a channel from its name, by the stains and dyes that are in use."""

import re

# Longer words of a name may contain these only as whole words: "QD655" and "anti-CD31 (Opal 520)"
# count, "CD310" does not. A space here also stands for a hyphen, an underscore or nothing.
STAINS = {
    "nuclei": (
        "nuclei", "nucleus", "nuclear", "dna", "dapi", "hoechst", "h33342", "h33258", "draq 5",
        "draq 7", "to pro 3", "sytox", "syto", "propidium iodide", "7 aad", "nucspot", "nucblue",
        "h2b",
    ),
    "vessels": (
        "vessel", "vessels", "blood vessels", "vasculature", "vascular", "endothelium",
        "endothelial", "cd 31", "pecam", "pecam 1", "endomucin", "emcn", "cd 34", "cd 105",
        "endoglin", "cd 144", "cdh 5", "ve cadherin", "vwf", "von willebrand", "meca 32", "plvap",
        "podocalyxin", "lectin", "isolectin", "ib 4", "tie 2", "vegfr 2", "flk 1",
        # the filter names of the published slides
        "spgreen", "spectrum green",
    ),
    "qd": (
        "qd", "qdot", "qdots", "quantum dot", "quantum dots", "nanoparticle", "nanoparticles",
        "nanoprobe", "nanoprobes", "nanosphere", "nanospheres", "microsphere", "microspheres",
        "liposome", "liposomes", "dextran", "evans blue", "tracer",
        "sporange", "spectrum orange",
    ),
}  # fmt: skip


def suggested_role(channel_name: str) -> str | None:
    """Role ("vessels", "nuclei" or "qd") that a channel's name suggests; None if none or several.

    This is a suggestion to show or to compare with the configuration, never a decision.

    >>> suggested_role("Hoechst 33342"), suggested_role("CD31 (Opal 520)"), suggested_role("QD655")
    ('nuclei', 'vessels', 'qd')
    >>> suggested_role("autofluorescence") is suggested_role("CD31+DAPI") is None
    True
    """
    found = [role for role, pattern in _PATTERNS.items() if pattern.search(channel_name)]
    return found[0] if len(found) == 1 else None


def role_pattern(role: str) -> str | None:
    """Regular expression, whatever the case, of names that suggest a role; None if none is known.

    Programs in other languages look for channels by it, too.

    >>> role_pattern("nuclei") is not None, role_pattern("autofluorescence")
    (True, None)
    """
    found = _PATTERNS.get(role)
    return None if found is None else found.pattern


def _pattern(stains: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the stains as a word; after one that ends in a letter, numbers may follow."""
    words = [
        stain.replace(" ", r"[\s_-]*") + (r"(?![^\W_])" if stain[-1].isdigit() else r"(?![^\W\d_])")
        for stain in stains
    ]
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(words)})", re.IGNORECASE)


_PATTERNS = {role: _pattern(stains) for role, stains in STAINS.items()}
