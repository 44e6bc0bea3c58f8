"""``plan``: what more animals would bring, and which slides to measure next."""
