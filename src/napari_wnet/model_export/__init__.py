"""Models for other programs: a safetensors file, an ONNX file, or a package for bioimage.io.

``job`` is the use case; ``package`` gathers what a package holds, ``description`` and ``readme`` what it says.
"""
