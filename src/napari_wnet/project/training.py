"""Names of what a training leaves that can be taken up again; known without loading anything that trains."""

from __future__ import annotations

REQUEST = "request.safetensors"
"""What was to be learned."""
STATE = "new.state.safetensors"
"""How far it has come."""
