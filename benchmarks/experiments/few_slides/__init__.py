"""How few slides are enough, from random weights and from a trained network?"""
