"""Slides: images that do not fit into memory, segmented block by block with the labels of the whole."""
