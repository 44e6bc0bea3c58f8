"""What a channel is likely to show, by its name."""


def suggested_role(channel_name: str) -> str | None:
    """Placeholder until the merge."""
    return None
