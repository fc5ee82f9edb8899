"""The human loop: people are asked, what comes in is matched with what was asked, and the execution goes on.

`Interactions` and `Responses` are the services, each for both kinds of store; a classifier is any callable of the shape
in `classifier`, and `rules` has the default one.
"""
