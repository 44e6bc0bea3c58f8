"""Options of a training that takes seconds."""

TINY_RUN = (
    "model.preset=tiny",
    "training.epochs=4",
    "training.batch_size=4",
    "data.split.validation=[b]",
    "data.split.test=[c]",
)
