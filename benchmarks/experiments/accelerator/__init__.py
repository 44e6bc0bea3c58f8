"""How close do training and prediction come to the limits of the processor?"""
