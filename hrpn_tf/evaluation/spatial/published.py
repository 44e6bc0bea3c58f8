"""Published values of the same kinds of agreement, each on data of its own."""

REMARK = (
    "Published figures are of other tumours, probes, scanners and thresholds: they tell what has "
    "been reached, not which network is better. None was reported with an interval."
)

# kind of pairs (or "" for none): paper, figure, value
PUBLISHED = (
    ("pixels", "GANDA (2021)", "ICC", 0.94),
    ("extravasation", "GANDA (2021)", "ICC", 0.95),
    ("sub_areas", "GANDA (2021)", "ICC", 0.99),
    ("pixels", "NanoNet", "ICC", 0.963),
    ("pixels", "NanoNet", "R2", 0.9849),
    ("pixels", "HRPN (2023/24)", "R2", 0.891),
)
