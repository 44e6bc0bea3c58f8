"""From slides to tf.data: tissue, grid, store, pipeline, augmentation, splits."""
