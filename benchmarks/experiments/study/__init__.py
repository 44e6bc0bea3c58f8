"""The comparison of the networks: ``make study``.

``design`` reads ``study.yaml``; ``pieces`` runs what is missing, with ``choice`` (learning rate,
loss and length), ``trainings`` and ``slides``; ``record`` is what a piece leaves, one small JSON
file; ``costs`` measures all networks in turn. ``report`` makes tables, pictures and verdicts from
these files alone.
"""
