"""What the workers of a cluster are asked; a worker must be able to import it."""


def used_threads() -> int:
    import tensorflow as tf

    threads: int = tf.config.threading.get_intra_op_parallelism_threads()
    return threads
