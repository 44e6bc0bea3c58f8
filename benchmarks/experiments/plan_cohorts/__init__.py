"""Does the curve of a plan come true, and do the slides that it chooses teach more?"""
