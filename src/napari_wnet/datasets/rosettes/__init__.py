"""Synthetic rosettes: plants from above with exact labels for each leaf, since real ones may not be passed on.

``draw.rosette`` draws one picture, ``write.synthesize`` a folder of them, as ``params.RosetteParams`` says.
"""
