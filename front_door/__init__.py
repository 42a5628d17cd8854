"""What all front doors share: where code is looked for, an interrupt at any moment, an error that nobody expected.

It knows the packages by their names alone, and imports none of them before it is known that they are ours.
"""
