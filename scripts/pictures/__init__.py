"""The pictures of docs/how-it-works.md, one idea a file."""
